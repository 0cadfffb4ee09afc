// Draws anew every two seconds, and adds what only the browser sees: the headers of the way here.
(() => {
  const drawing = document.getElementById('drawing');
  const list = document.getElementById('pods');
  const pods = new Map();
  let seen = {};

  const set = (part, health, who, note) => {
    // What lacks pods by the operator's word lacks them though it answers.
    const paint = (shape, kind) => {
      if (health && !(health === 'up' && shape.classList.contains('degraded'))) shape.setAttribute('class', `${kind} ${health}`);
    };
    for (const box of drawing.querySelectorAll(`[data-part="${part}"]`)) {
      paint(box, 'part');
      const fits = box.closest('.narrow') ? 21 : 25;
      const short = text => text.length > fits ? '…' + text.slice(1 - fits) : text;
      const [whoLine, noteLine, podsLine] = ['.who', '.note', '.pods'].map(line => box.querySelector(line));
      if (who !== undefined) whoLine.textContent = short(who);
      if (note !== undefined) noteLine.textContent = short(note);
      noteLine.setAttribute('y', Number(whoLine.getAttribute('y')) + (whoLine.textContent ? 19 : 0));
      if (podsLine) podsLine.setAttribute('y', Number(noteLine.getAttribute('y')) + 19);
    }
    for (const wire of drawing.querySelectorAll(`[data-to="${part}"]`)) {
      paint(wire, 'wire');
    }
  };

  const count = () => {
    list.textContent = '';
    for (const [pod, times] of [...pods].sort()) {
      const item = document.createElement('span');
      item.className = 'badge';
      item.textContent = `${pod} × ${times}`;
      list.append(item, ' ');
    }
  };

  const ahead = () => {
    if (!seen.at) return;
    set('you', 'up', '', `catalogue in ${seen.ms} ms`);
    if (seen.edge || !drawing.querySelector('[data-part="edge"].absent')) set('edge', 'up', seen.edge, 'let this through');
    if (seen.cache === 'pass' && !seen.proxy) {
      set('proxy', 'away', '', 'passed over');
    } else if (seen.proxy || seen.cache) {
      set('proxy', 'up', seen.proxy, seen.cache ? `${seen.cache}${seen.age ? `, ${seen.age} s old` : ''}` : 'let this through');
    }
  };

  // As any visitor asks for it: a request that may come from the proxy's cache.
  const look = async () => {
    const started = performance.now();
    const answer = await fetch('/', {method: 'HEAD', credentials: 'omit'});
    const header = name => answer.headers.get(name) || '';
    seen = {
      at: started, ms: Math.round(performance.now() - started), edge: header('x-edge'), proxy: header('x-proxy'),
      cache: header('x-cache'), age: header('age'),
    };
  };

  const draw = async () => {
    try {
      const [answer] = await Promise.all([fetch('/architecture/drawing', {cache: 'no-store'}), look().catch(() => { seen = {}; })]);
      if (!answer.ok) throw new Error(answer.status);
      const pod = answer.headers.get('x-pod');
      if (pod) pods.set(pod, (pods.get(pod) || 0) + 1);
      drawing.innerHTML = await answer.text();
      ahead();
      count();
    } catch {
      set('web', 'away', undefined, 'no answer; asked again');
    }
    setTimeout(draw, 2000);
  };
  draw();
})();
