//! Where each box and arrow of the drawing stands: across for a desk, down for a telephone.
//!
//! Computed from the graph alone, so that no box covers another, whatever tiers there are.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::graph::{Graph, Link, Node};
use crate::report::text::cut;

/// A box with its place, in units of the view box.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report::html) struct Placed {
    pub(in crate::report::html) node: Node,
    pub(in crate::report::html) x: i32,
    pub(in crate::report::html) y: i32,
    pub(in crate::report::html) width: i32,
    pub(in crate::report::html) height: i32,
    /// The lines of its text: class, left edge, base line, words.
    pub(in crate::report::html) texts: Vec<(&'static str, i32, i32, String)>,
    /// The bar of busy CPU: left edge, upper edge, full width, busy width; nothing of what is not ours.
    pub(in crate::report::html) bar: Option<(i32, i32, i32, i32)>,
}

/// A line of words beside an arrow.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report::html) struct Label {
    pub(in crate::report::html) x: i32,
    pub(in crate::report::html) y: i32,
    /// `start`, `middle` or `end`.
    pub(in crate::report::html) anchor: &'static str,
    pub(in crate::report::html) words: String,
}

/// An arrow.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report::html) struct Wire {
    /// The corners, from its beginning to its head.
    pub(in crate::report::html) corners: Vec<(i32, i32)>,
    pub(in crate::report::html) both_ways: bool,
}

impl Wire {
    /// The `d` of an SVG path.
    pub(in crate::report::html) fn path(&self) -> String {
        let mut path = String::new();
        for (index, (x, y)) in self.corners.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{x} {y}");
        }
        path
    }

    /// The `d` of each of its heads.
    pub(in crate::report::html) fn heads(&self) -> Vec<String> {
        let mut heads = Vec::new();
        if let [.., before, last] = self.corners.as_slice() {
            heads.push(head(*before, *last));
        }
        if let ([first, second, ..], true) = (self.corners.as_slice(), self.both_ways) {
            heads.push(head(*second, *first));
        }
        heads
    }
}

/// A triangle whose point is `to`, on a line across or down.
fn head(from: (i32, i32), to: (i32, i32)) -> String {
    let (x, y) = ((to.0 - from.0).signum(), (to.1 - from.1).signum());
    let base = (to.0 - 8 * x, to.1 - 8 * y);
    format!("M{} {}L{} {}L{} {}Z", to.0, to.1, base.0 + 4 * y, base.1 + 4 * x, base.0 - 4 * y, base.1 - 4 * x)
}

/// One layout.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report::html) struct Drawing {
    /// `wide` or `narrow`.
    pub(in crate::report::html) name: &'static str,
    pub(in crate::report::html) width: i32,
    pub(in crate::report::html) height: i32,
    pub(in crate::report::html) boxes: Vec<Placed>,
    pub(in crate::report::html) wires: Vec<Wire>,
    pub(in crate::report::html) labels: Vec<Label>,
}

/// Measures of one layout.
struct Measures {
    box_width: i32,
    box_height: i32,
    /// Between two columns, or two boxes of the only one.
    gap: i32,
    /// Columns of text in a box, and the characters that fit into each.
    columns: i32,
    title: usize,
    line: usize,
}

const WIDE: Measures = Measures { box_width: 186, box_height: 138, gap: 128, columns: 1, title: 20, line: 26 };
const NARROW: Measures = Measures { box_width: 306, box_height: 92, gap: 40, columns: 2, title: 17, line: 23 };
const MARGIN: i32 = 8;
/// Between two boxes of a column of the wide layout.
const BETWEEN: i32 = 22;
/// From a box to the line that its arrows share.
const TRUNK: i32 = 16;

/// Both layouts of a graph.
pub(in crate::report::html) fn draw(graph: &Graph) -> [Drawing; 2] {
    [wide(graph), narrow(graph)]
}

fn wide(graph: &Graph) -> Drawing {
    let m = &WIDE;
    let pitch = m.box_height + BETWEEN;
    let lanes: Vec<i32> = graph.lanes.iter().map(|lane| lane.far.len().max(1) as i32).collect();
    let lane_rows: i32 = lanes.iter().sum();
    let service_rows = graph.services.len() as i32;
    let middle = lane_rows.max(service_rows) * pitch / 2;
    let mut boxes = Vec::new();
    let mut x = MARGIN;
    let step = m.box_width + m.gap;
    boxes.push(place(&graph.users, m, x, middle - pitch / 2));
    x += step;
    if let Some(edge) = &graph.edge {
        boxes.push(place(edge, m, x, middle - pitch / 2));
        if let Some(proxy) = &graph.proxy {
            boxes.push(place(proxy, m, x, middle - pitch / 2 - m.box_height - 64));
        }
        x += step;
    }
    let first = middle - service_rows * pitch / 2;
    for (row, service) in (0..).zip(&graph.services) {
        boxes.push(place(service, m, x, first + row * pitch));
    }
    let mut row = middle - lane_rows * pitch / 2;
    for (lane, rows) in graph.lanes.iter().zip(lanes) {
        boxes.extend(lane.near.iter().map(|near| place(near, m, x + step, row)));
        boxes.extend((0..).zip(&lane.far).map(|(index, far)| place(far, m, x + 2 * step, row + index * pitch)));
        row += rows * pitch;
    }
    finished("wide", boxes, graph, across)
}

fn narrow(graph: &Graph) -> Drawing {
    let m = &NARROW;
    let boxes = (0..).zip(graph.nodes()).map(|(row, node)| place(node, m, 44, row * (m.box_height + m.gap)));
    finished("narrow", boxes.collect(), graph, down)
}

/// Moves all into view and draws the arrows.
fn finished(name: &'static str, mut boxes: Vec<Placed>, graph: &Graph, route: Route) -> Drawing {
    let top = boxes.iter().map(|placed| placed.y).min().unwrap_or(0) - MARGIN;
    for placed in &mut boxes {
        placed.shift(-top);
    }
    let width = boxes.iter().map(|placed| placed.x + placed.width).max().unwrap_or(0) + MARGIN;
    let height = boxes.iter().map(|placed| placed.y + placed.height).max().unwrap_or(0) + MARGIN;
    let at: BTreeMap<&str, &Placed> = boxes.iter().map(|placed| (placed.node.id.as_str(), placed)).collect();
    let (mut wires, mut labels) = (Vec::new(), Vec::new());
    for link in &graph.links {
        let Some(to) = at.get(link.to.as_str()) else { continue };
        let mut unlabelled = true;
        for from in link.from.iter().filter_map(|id| at.get(id.as_str())) {
            let (corners, words) = route(from, to, link);
            wires.push(Wire { corners, both_ways: link.both_ways });
            if std::mem::take(&mut unlabelled) {
                labels.extend(words);
            }
        }
    }
    Drawing { name, width, height, boxes, wires, labels }
}

/// From one box to another: the corners of the arrow, and its words.
type Route = fn(&Placed, &Placed, &Link) -> (Vec<(i32, i32)>, Vec<Label>);

/// Within a column up or down, else to the right over the line that all arrows of the box share.
fn across(from: &Placed, to: &Placed, link: &Link) -> (Vec<(i32, i32)>, Vec<Label>) {
    if from.x == to.x {
        let x = from.x + from.width / 2;
        let (begin, end) = if to.y < from.y { (from.y, to.y + to.height) } else { (from.y + from.height, to.y) };
        let between = begin.midpoint(end) + 4 - 7 * (link.load.len() as i32 - 1);
        // Up stands the proxy, where the loads of the services have the right side.
        let (beside, anchor) = if to.y < from.y { (x - 10, "end") } else { (x + 10, "start") };
        return (vec![(x, begin), (x, end)], words(link, beside, between, anchor));
    }
    let (right, left) = (from.x + from.width, to.x);
    let (out, into) = (from.y + from.height / 2, to.y + to.height / 2);
    let trunk = right + TRUNK;
    let corners = if out == into {
        vec![(right, out), (left, into)]
    } else {
        vec![(right, out), (trunk, out), (trunk, into), (left, into)]
    };
    (corners, words(link, left - 8, into - 7 - 14 * (link.load.len() as i32 - 1), "end"))
}

/// To the next box straight down, to a later one along the left side.
fn down(from: &Placed, to: &Placed, link: &Link) -> (Vec<(i32, i32)>, Vec<Label>) {
    let above = to.y - NARROW.gap;
    let label = Link { load: vec![link.load.join(", ")], ..link.clone() };
    if from.y + from.height == above {
        let x = to.x + 22;
        return (vec![(x, above), (x, to.y)], words(&label, x + 12, to.y - 14, "start"));
    }
    // Arrows of the way in, of the services and of the queue run in lanes of their own.
    let lane = if from.node.class == "ours" && from.node.id.starts_with("web-") { 10 } else { 26 };
    let (out, into) = (from.y + from.height / 2, to.y + to.height / 2);
    let corners = vec![(from.x, out), (lane, out), (lane, into), (to.x, into)];
    (corners, words(&label, to.x + 34, to.y - 14, "start"))
}

fn words(link: &Link, x: i32, y: i32, anchor: &'static str) -> Vec<Label> {
    let lines = (0..).zip(link.load.iter().filter(|line| !line.is_empty()));
    lines.map(|(index, line)| Label { x, y: y + 14 * index, anchor, words: line.clone() }).collect()
}

fn place(node: &Node, m: &Measures, x: i32, y: i32) -> Placed {
    let full = m.box_width - 24;
    let column = |index: i32| x + 12 + index * full / m.columns;
    let head = if m.columns == 1 { (column(0), y + 39) } else { (column(1), y + 23) };
    let first = if m.columns == 1 { y + 57 } else { y + 42 };
    let mut texts = vec![
        ("title", column(0), y + 23, cut(&node.title, m.title)),
        ("engine", head.0, head.1, cut(&node.engine, m.line)),
    ];
    let (mut row, mut at) = (0, 0);
    for line in &node.lines {
        // What does not fit beside another has a row of its own.
        let whole = line.chars().count() > m.line && m.columns > 1;
        if at > 0 && (whole || at == m.columns) {
            (row, at) = (row + 1, 0);
        }
        let fits = if whole { m.line * m.columns as usize } else { m.line };
        texts.push(("line", column(at), first + 15 * row, cut(line, fits)));
        at = if whole { m.columns } else { at + 1 };
    }
    let bar = node.busy_percent.map(|busy| (x + 12, y + m.box_height - 11, full, full * busy.min(100) as i32 / 100));
    Placed { node: node.clone(), x, y, width: m.box_width, height: m.box_height, texts, bar }
}

impl Placed {
    fn shift(&mut self, by: i32) {
        self.y += by;
        for (_, _, y, _) in &mut self.texts {
            *y += by;
        }
        if let Some((_, y, _, _)) = &mut self.bar {
            *y += by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::graph::graph;
    use super::*;
    use crate::api::ScaledApp;
    use crate::domain::{Environment, validate};
    use crate::planner::{Catalogue, plan};

    /// Mean width of a letter of the loads on the arrows, and a little more.
    const LETTER: i32 = 7;

    fn drawings(app: &ScaledApp) -> [Drawing; 2] {
        let environment = Environment::default();
        let valid = validate("app", "default", None, &app.spec, &environment).unwrap();
        draw(&graph(&valid, &plan(&valid, &Catalogue::builtin(), &environment, None)))
    }

    fn samples() -> Vec<(String, [Drawing; 2])> {
        let mut found = Vec::new();
        for name in ["hello", "shop", "shop-whole", "large", "ladder", "external"] {
            let text = std::fs::read_to_string(format!("manifests/samples/{name}.yaml")).unwrap();
            let app = text.split("\n---\n").find(|document| document.contains("kind: ScaledApp\n")).unwrap();
            found.push((name.to_owned(), drawings(&serde_yaml::from_str(app).unwrap())));
        }
        let apart = "targets: {dailyActiveUsers: 100000000}
services: [{name: a, image: a, paths: [/]}, {name: b, image: b}, {name: c, image: c, paths: [/c]}]
workers: [{name: w, image: w}, {name: v, image: v, queue: q}]
queue: {queues: [{name: q}]}";
        let app = ScaledApp::new("app", serde_yaml::from_str(apart).unwrap());
        found.push(("internal service and worker without a queue".to_owned(), drawings(&app)));
        found
    }

    type Area = (i32, i32, i32, i32);

    fn overlap(a: Area, b: Area) -> bool {
        a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3
    }

    fn area(placed: &Placed) -> Area {
        (placed.x, placed.y, placed.x + placed.width, placed.y + placed.height)
    }

    fn covered(label: &Label) -> Area {
        let width = label.words.chars().count() as i32 * LETTER;
        let left = if label.anchor == "end" { label.x - width } else { label.x };
        (left, label.y - 10, left + width, label.y + 2)
    }

    #[test]
    fn boxes_stay_apart_and_inside() {
        for (name, drawings) in samples() {
            for drawing in drawings {
                for (index, placed) in drawing.boxes.iter().enumerate() {
                    let (left, top, right, bottom) = area(placed);
                    let inside = left >= 0 && top >= 0 && right <= drawing.width && bottom <= drawing.height;
                    assert!(inside, "{name} {} {}", drawing.name, placed.node.id);
                    for other in &drawing.boxes[index + 1..] {
                        let over = overlap(area(placed), area(other));
                        assert!(!over, "{name} {}: {} over {}", drawing.name, placed.node.id, other.node.id);
                    }
                }
            }
        }
    }

    #[test]
    fn words_stay_in_their_box_and_apart() {
        for (name, drawings) in samples() {
            for drawing in drawings {
                for placed in &drawing.boxes {
                    let (left, top, right, bottom) = area(placed);
                    let floor = placed.bar.map_or(bottom, |(_, y, _, _)| y + 1);
                    for (class, x, y, words) in &placed.texts {
                        let letter = if *class == "title" { 9 } else { 6 };
                        let end = x + words.chars().count() as i32 * letter;
                        let fits = *x > left && end <= right && *y > top + 10 && *y <= floor;
                        assert!(fits, "{name} {} {}: {words}", drawing.name, placed.node.id);
                    }
                }
            }
        }
    }

    #[test]
    fn loads_cover_no_box_and_no_other_load() {
        for (name, drawings) in samples() {
            for drawing in drawings {
                for (index, label) in drawing.labels.iter().enumerate() {
                    let over = drawing.boxes.iter().find(|placed| overlap(covered(label), area(placed)));
                    assert!(over.is_none(), "{name} {}: {} over {over:?}", drawing.name, label.words);
                    let other = drawing.labels[index + 1..].iter().find(|l| overlap(covered(label), covered(l)));
                    assert!(other.is_none(), "{name} {}: {} over {other:?}", drawing.name, label.words);
                }
            }
        }
    }

    #[test]
    fn arrows_go_from_border_to_border_and_through_no_box() {
        for (name, drawings) in samples() {
            for drawing in drawings {
                assert!(!drawing.wires.is_empty() && drawing.wires.iter().all(|wire| !wire.heads().is_empty()));
                for wire in &drawing.wires {
                    let on = |(x, y): (i32, i32)| {
                        drawing.boxes.iter().any(|placed| {
                            let (left, top, right, bottom) = area(placed);
                            ((x == left || x == right) && (top..=bottom).contains(&y))
                                || ((y == top || y == bottom) && (left..=right).contains(&x))
                        })
                    };
                    let ends = [wire.corners[0], *wire.corners.last().unwrap()];
                    assert!(ends.into_iter().all(on), "{name} {}: {wire:?}", drawing.name);
                    for pair in wire.corners.windows(2) {
                        let (a, b) = (pair[0], pair[1]);
                        let line = (a.0.min(b.0), a.1.min(b.1), a.0.max(b.0), a.1.max(b.1));
                        let through = drawing.boxes.iter().find(|placed| {
                            let (left, top, right, bottom) = area(placed);
                            line.0 < right
                                && left < line.2.max(line.0 + 1)
                                && line.1 < bottom
                                && top < line.3.max(line.1 + 1)
                        });
                        assert!(through.is_none(), "{name} {}: {line:?} through {through:?}", drawing.name);
                    }
                }
            }
        }
    }

    #[test]
    fn every_tier_is_drawn_once() {
        for (name, [wide, narrow]) in samples() {
            let ids = |drawing: &Drawing| {
                let mut ids: Vec<String> = drawing.boxes.iter().map(|placed| placed.node.id.clone()).collect();
                ids.sort();
                ids
            };
            let mut once = ids(&wide);
            once.dedup();
            assert_eq!((ids(&wide), once), (ids(&narrow), ids(&narrow)), "{name}");
        }
    }

    #[test]
    fn heads_point_the_way_of_their_line() {
        let wire = Wire { corners: vec![(0, 0), (20, 0), (20, 50)], both_ways: true };
        assert_eq!(wire.heads(), ["M20 50L24 42L16 42Z", "M0 0L8 -4L8 4Z"]);
        assert_eq!(wire.path(), "M0 0L20 0L20 50");
    }
}
