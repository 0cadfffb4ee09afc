//! An application as a tree of its tiers and their pods, for a terminal of [`WIDTH`] columns. What is to be copied, an
//! address or a command, is never cut.

use std::fmt::Write;

use anstyle::Style;
use jiff::Timestamp;

use super::{AppView, PodLine, PodState, TierView, words};
use crate::api::Band;
use crate::report::text::{BAD, DIM, GOOD, HEAD, WARN, clean, cut, lines, styled};

/// Columns of the terminal.
pub(super) const WIDTH: usize = 100;
/// Column at which the text of the head begins.
const TEXT: usize = 17;
/// Between two columns.
const GAP: usize = 2;
/// Longest names of pods and of nodes that are shown whole.
const LONGEST_NAME: usize = 44;
/// Pods of a tier from which on those that are ready are only counted.
const MOST_PODS: usize = 24;

/// The tree; `now` is what ages are counted from.
#[must_use]
pub fn status_tree(view: &AppView, now: Timestamp) -> String {
    let mut text = head(view);
    let mut branches: Vec<Branch> = tiers(&view.tiers);
    branches.extend(view.jobs.iter().map(|(component, pods)| Branch {
        title: format!("pods of {component}, not done"),
        below: Vec::new(),
        pods: pods.iter().collect(),
    }));
    let widths = Widths::of(&branches, now);
    let last = branches.len().saturating_sub(1);
    for (index, branch) in branches.iter().enumerate() {
        branch.draw(&mut text, index == last, &widths, now);
    }
    text.push_str(&proposed(view));
    for note in &view.notes {
        let _ = writeln!(text, "{}", styled(DIM, &lines(note, WIDTH).join("\n")));
    }
    text
}

fn head(view: &AppView) -> String {
    let mut text = String::new();
    let headline = words::headline(view);
    let title = format!("{} in {}", view.app, view.namespace);
    let fits = title.chars().count() + 2 + headline.title.chars().count() <= WIDTH;
    let gap = if fits { " " } else { "\n  " };
    let _ = writeln!(text, "{}:{gap}{}", styled(HEAD, &title), styled(headline.style, &headline.title));
    for line in lines(&headline.text, WIDTH - 2) {
        let _ = writeln!(text, "  {line}");
    }
    let mut entry = |name: &str, style: Style, value: &str| {
        let space = " ".repeat(TEXT.saturating_sub(2 + name.chars().count()));
        let value = lines(value, WIDTH - TEXT).join(&format!("\n{}", " ".repeat(TEXT)));
        let _ = writeln!(text, "  {}{space}{value}", styled(style, name));
    };
    for (name, value) in [("url", &view.url), ("rung", &view.rung)] {
        if let Some(value) = value {
            entry(name, DIM, value);
        }
    }
    if let Some(plan) = &view.plan {
        entry("plan", DIM, &plan.hash);
    }
    for saying in words::sayings(view) {
        entry(&saying.title, saying.style, &saying.text);
    }
    text
}

/// A tier, or the pods of a job: a title, lines below it, and pods.
struct Branch<'a> {
    title: String,
    below: Vec<(Style, String)>,
    pods: Vec<&'a PodLine>,
}

/// The tiers with their figures in columns; an address that does not fit goes below.
fn tiers(tiers: &[TierView]) -> Vec<Branch<'_>> {
    let rows: Vec<[String; 3]> = tiers.iter().map(figures).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let names = WIDTH.saturating_sub(3 + width(1) + width(2) + 2 * GAP);
    let widths = [width(0).min(names), width(1), width(2)];
    let room = WIDTH.saturating_sub(3 + widths.iter().sum::<usize>() + 3 * GAP);
    let branch = |(tier, row): (&'_ TierView, &[String; 3])| {
        let mut title = cell(&row[0], widths[0], Style::new());
        title.push_str(&cell(&row[1], widths[1], tone(tier)));
        title.push_str(&cell(&row[2], widths[2], Style::new()));
        let (beside, below): (Vec<_>, Vec<_>) =
            tier.status.endpoint.iter().partition(|endpoint| endpoint.chars().count() <= room);
        title.extend(beside.iter().map(|endpoint| styled(DIM, endpoint)));
        let below = below.into_iter().map(|endpoint| (DIM, endpoint.clone()));
        let message = tier.status.message.iter().map(|message| (Style::new(), message.clone()));
        (title.trim_end().to_owned(), below.chain(message).chain(observed(tier)).collect())
    };
    let pods = tiers.iter().map(|tier| tier.pods.iter().chain(&tier.routers).collect());
    let titled = tiers.iter().zip(&rows).map(branch);
    titled.zip(pods).map(|((title, below), pods)| Branch { title, below, pods }).collect()
}

/// A text in a column, with the gap to the next one.
fn cell(text: &str, width: usize, style: Style) -> String {
    let text = cut(text, width);
    let space = " ".repeat(width - text.chars().count() + GAP);
    format!("{}{space}", if text.is_empty() { text } else { styled(style, &text) })
}

/// Title, readiness and what binds.
fn figures(tier: &TierView) -> [String; 3] {
    let status = &tier.status;
    let component = status.tier.to_lowercase();
    let title = if component == status.name { component } else { format!("{component} {}", status.name) };
    let (min, max) = (status.planned.min, status.planned.max);
    let planned = if min == max { max.to_string() } else { format!("{min} to {max}") };
    let room = status.headroom_percent.map(|percent| format!("{percent} % headroom"));
    let binds = status.bottleneck.as_ref().map(|bottleneck| format!("{bottleneck} binds"));
    let load: Vec<String> = binds.into_iter().chain(room).collect();
    [title, format!("{} ready, {planned} planned", status.ready), load.join(", ")]
}

/// What is observed, in words; as grave as the gravest of it.
fn observed(tier: &TierView) -> Option<(Style, String)> {
    let bands = tier.status.bands?;
    let known: Vec<(&str, Band)> =
        [("cpu", bands.cpu), ("memory", bands.memory), ("lag", bands.lag), ("backlog", bands.backlog)]
            .into_iter()
            .filter_map(|(name, band)| Some((name, band?)))
            .collect();
    let style = match known.iter().map(|(_, band)| *band).max()? {
        Band::Critical => BAD,
        Band::High => WARN,
        Band::Low | Band::Normal => DIM,
    };
    let words = known.iter().map(|(name, band)| format!("{name} {}", band.to_string().to_lowercase()));
    Some((style, words.collect::<Vec<_>>().join(", ")))
}

fn tone(tier: &TierView) -> Style {
    match tier.status.ready {
        0 if tier.status.planned.min > 0 => BAD,
        ready if ready < tier.status.planned.min => WARN,
        _ => GOOD,
    }
}

/// Widths of the columns of pods, the same for all tiers.
struct Widths {
    name: usize,
    role: usize,
    state: usize,
    restarts: usize,
    age: usize,
}

impl Widths {
    fn of(branches: &[Branch<'_>], now: Timestamp) -> Self {
        let all = || branches.iter().flat_map(|branch| branch.pods.iter());
        let widest = |cell: &dyn Fn(&PodLine) -> String| {
            all().map(|pod| cell(pod).chars().count()).max().unwrap_or(0).min(LONGEST_NAME)
        };
        Self {
            name: widest(&|pod| pod.name.clone()),
            role: widest(&|pod| pod.role.clone().unwrap_or_default()).min(12),
            state: widest(&|pod| pod.state.to_string()),
            restarts: widest(&restarts),
            age: widest(&|pod| age(pod, now)),
        }
    }
}

impl Branch<'_> {
    fn draw(&self, text: &mut String, last: bool, widths: &Widths, now: Timestamp) {
        let (fork, trunk) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let _ = writeln!(text, "{fork}{}", self.title);
        let (shown, hidden) = shown(&self.pods);
        let under = if shown.is_empty() && hidden == 0 { "   " } else { "│  " };
        for (style, line) in &self.below {
            for line in lines(line, WIDTH - 6) {
                let _ = writeln!(text, "{trunk}{under}{}", styled(*style, &line));
            }
        }
        for (index, pod) in shown.iter().enumerate() {
            let end = index + 1 == shown.len() && hidden == 0;
            let (fork, below) = if end { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let (line, place) = pod_line(pod, widths, now);
            let _ = writeln!(text, "{trunk}{fork}{line}");
            if let Some(place) = place {
                let _ = writeln!(text, "{trunk}{below}  {}", styled(DIM, &cut(&place, WIDTH - 8)));
            }
            for line in pod.why.iter().flat_map(|why| lines(why, WIDTH - 8)) {
                let _ = writeln!(text, "{trunk}{below}  {line}");
            }
        }
        if hidden > 0 {
            let _ = writeln!(text, "{trunk}└─ {}", styled(DIM, &format!("and {hidden} more that are ready")));
        }
    }
}

/// The pods to show, and how many are only counted: of many, those that are ready.
fn shown<'a>(pods: &[&'a PodLine]) -> (Vec<&'a PodLine>, usize) {
    let mut room = if pods.len() > MOST_PODS {
        MOST_PODS.saturating_sub(pods.iter().filter(|pod| pod.state != PodState::Ready).count())
    } else {
        MOST_PODS
    };
    let mut all = Vec::new();
    for pod in pods {
        if pod.state != PodState::Ready {
            all.push(*pod);
        } else if room > 0 {
            room -= 1;
            all.push(*pod);
        }
    }
    let hidden = pods.len() - all.len();
    (all, hidden)
}

/// A pod's line, and where it runs if that does not fit beside.
fn pod_line(pod: &PodLine, widths: &Widths, now: Timestamp) -> (String, Option<String>) {
    let style = match pod.state {
        PodState::Ready | PodState::Done => GOOD,
        PodState::Starting | PodState::Leaving => WARN,
        PodState::Stuck | PodState::NotReady | PodState::Failed => BAD,
    };
    let role = pod.role.clone().unwrap_or_default();
    let mut used = 6;
    let mut line = String::new();
    for (text, width, style) in [
        (pod.name.clone(), widths.name, Style::new()),
        (role, widths.role, Style::new()),
        (pod.state.to_string(), widths.state, style),
        (restarts(pod), widths.restarts, WARN),
        (age(pod, now), widths.age, DIM),
    ] {
        if width > 0 {
            line.push_str(&cell(&text, width, style));
            used += width + GAP;
        }
    }
    match place(pod) {
        Some(place) if used + place.chars().count() <= WIDTH => (format!("{line}{}", styled(DIM, &place)), None),
        place => (line.trim_end().to_owned(), place),
    }
}

/// `worker-1 in zone-a`.
fn place(pod: &PodLine) -> Option<String> {
    let node = pod.node.as_ref()?;
    Some(pod.zone.as_ref().map_or_else(|| node.clone(), |zone| format!("{node} in {zone}")))
}

fn restarts(pod: &PodLine) -> String {
    match pod.restarts {
        0 => String::new(),
        1 => "1 restart".to_owned(),
        more => format!("{more} restarts"),
    }
}

/// The largest unit that still tells something.
fn age(pod: &PodLine, now: Timestamp) -> String {
    let Some(created) = pod.created else { return String::new() };
    let seconds = now.duration_since(created).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// What waits for an approval, and how to give it.
fn proposed(view: &AppView) -> String {
    let Some(proposed) = &view.proposed else { return String::new() };
    let mut text = String::new();
    let _ = writeln!(text, "\n{}", styled(HEAD, &format!("Proposed, waiting for your approval: {}", proposed.hash)));
    for change in &proposed.changes {
        let class = format!("{:<12}", change.class.to_string());
        let lines = lines(&format!("{}: {}", change.object, change.reason), WIDTH - 14);
        let _ = writeln!(text, "  {}{}", styled(WARN, &class), lines.join(&format!("\n{}", " ".repeat(14))));
    }
    let (app, namespace, hash) = (&view.app, &view.namespace, clean(&proposed.hash));
    let _ = writeln!(text, "  Approve with spec.changes.approved: {hash}, which is");
    let _ = writeln!(text, "    kubectl -n {namespace} patch scaledapp {app} --type merge \\");
    let _ = writeln!(text, "      -p '{{\"spec\":{{\"changes\":{{\"approved\":\"{hash}\"}}}}}}'");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, state: PodState) -> PodLine {
        let created = Some(Timestamp::UNIX_EPOCH);
        PodLine { name: name.to_owned(), node: None, zone: None, role: None, state, why: None, restarts: 0, created }
    }

    #[test]
    fn ages_have_one_unit() {
        let after = |seconds| age(&pod("a", PodState::Ready), Timestamp::from_second(seconds).unwrap());
        assert_eq!([after(-5), after(119), after(120), after(7_199)], ["0s", "119s", "2m", "119m"]);
        assert_eq!([after(7_200), after(172_799), after(172_800)], ["2h", "47h", "2d"]);
    }

    #[test]
    fn of_many_pods_those_that_are_not_ready_are_always_shown() {
        let mut pods: Vec<PodLine> = (0..40).map(|n| pod(&format!("p{n}"), PodState::Ready)).collect();
        pods[39].state = PodState::Stuck;
        let (visible, hidden) = shown(&pods.iter().collect::<Vec<_>>());
        assert_eq!((visible.len(), hidden), (MOST_PODS, 40 - MOST_PODS));
        assert_eq!(visible.last().map(|pod| pod.name.as_str()), Some("p39"));
        assert_eq!(shown(&pods[..MOST_PODS].iter().collect::<Vec<_>>()).1, 0);
    }

    #[test]
    fn where_a_pod_runs_has_a_line_of_its_own_rather_than_half_a_name() {
        let widths = Widths { name: 10, role: 0, state: 5, restarts: 0, age: 3 };
        let mut pod = pod("a", PodState::Ready);
        pod.node = Some("worker-1".to_owned());
        pod.zone = Some("zone-a".to_owned());
        let (line, below) = pod_line(&pod, &widths, Timestamp::UNIX_EPOCH);
        assert!(line.contains("worker-1 in zone-a") && below.is_none(), "{line}");
        pod.node = Some("n".repeat(70));
        let (line, below) = pod_line(&pod, &widths, Timestamp::UNIX_EPOCH);
        assert!(!line.contains("nnn") && below.is_some_and(|place| place.ends_with(" in zone-a")), "{line}");
    }
}
