//! The architecture as boxes and lines, laid out twice: across for a desk, down for a telephone. Pure: it must never ask anybody anything.

use std::fmt::Write as _;

use crate::status::Planned;

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It answered.
    Up,
    /// It answered, and has fewer pods than are planned.
    Degraded,
    /// It is declared and did not answer.
    Away,
    /// It is not declared.
    Absent,
    /// Only the browser sees it.
    Unknown,
}

impl Health {
    /// The class in the drawing.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Away => "away",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }
}

/// One part of the architecture.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Part {
    /// Its place in the drawing.
    pub id: &'static str,
    /// What it is.
    pub title: &'static str,
    /// Who answered.
    pub who: String,
    /// What there is to say of it.
    pub note: String,
    /// How it is.
    pub health: Health,
    /// Its pods, where the operator tells of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<Pods>,
}

impl Part {
    /// A part of which nothing is known but its place.
    #[must_use]
    pub fn named(id: &'static str, title: &'static str) -> Self {
        Self { id, title, who: String::new(), note: String::new(), health: Health::Unknown, pods: None }
    }
}

/// The pods of a tier, as the operator tells of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pods {
    /// Those that are ready.
    pub ready: i64,
    /// Those that are planned.
    pub planned: Planned,
    /// Room that the plan leaves at peak, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headroom_percent: Option<i64>,
}

impl Pods {
    /// One line of at most so many letters; the headroom gives way.
    #[must_use]
    pub fn words(self, fits: usize) -> String {
        let pods = format!("{} of {} pods", self.ready, self.planned.words());
        let whole = self.headroom_percent.map(|percent| format!("{pods}, {percent}% room"));
        whole.filter(|whole| whole.chars().count() <= fits).unwrap_or(pods)
    }
}

/// A box of the drawing.
pub struct Placed<'a> {
    /// What it shows.
    pub part: &'a Part,
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// `who`, as long as fits.
    pub who: String,
    /// `note`, as long as fits.
    pub note: String,
    /// The line of its pods; empty where nobody tells of them.
    pub pods: String,
}

impl Placed<'_> {
    /// Left edge of its text.
    #[must_use]
    pub fn text(&self) -> u32 {
        self.x + 12
    }

    /// A line of its text.
    #[must_use]
    pub fn line(&self, number: u32) -> u32 {
        self.y + 4 + number * 19
    }
}

/// A line of the drawing.
pub struct Wire {
    /// The `d` of an SVG path.
    pub path: String,
    /// The part that it leads to.
    pub to: &'static str,
    /// The class of that part.
    pub class: &'static str,
}

/// One layout.
pub struct Drawing<'a> {
    /// `wide` or `narrow`.
    pub name: &'static str,
    /// Of the view box.
    pub width: u32,
    /// Of the view box.
    pub height: u32,
    /// Of each box.
    pub box_width: u32,
    /// Of each box.
    pub box_height: u32,
    /// All boxes.
    pub boxes: Vec<Placed<'a>>,
    /// All lines.
    pub wires: Vec<Wire>,
}

struct Layout {
    name: &'static str,
    width: u32,
    height: u32,
    box_width: u32,
    fits: usize,
    places: &'static [(&'static str, u32, u32)],
    wires: &'static [(&'static str, &'static [(u32, u32)])],
}

const HEIGHT: u32 = 90;

// Beyond the pod all hang on trunks, so that no line crosses a box. The way to the database leads behind the pool's box, and is there
// without it too.
const WIDE: Layout = Layout {
    name: "wide",
    width: 1000,
    height: 522,
    box_width: 205,
    fits: 25,
    places: &[
        ("you", 5, 216),
        ("edge", 262, 216),
        ("proxy", 262, 70),
        ("web", 519, 216),
        ("pool", 519, 375),
        ("queue", 790, 4),
        ("cache", 790, 110),
        ("sessions", 790, 216),
        ("primary", 790, 322),
        ("reads", 790, 428),
        ("worker", 519, 4),
    ],
    wires: &[
        ("edge", &[(210, 261), (262, 261)]),
        ("proxy", &[(364, 216), (364, 160)]),
        ("web", &[(467, 261), (519, 261)]),
        ("pool", &[(621, 306), (621, 420)]),
        ("queue", &[(724, 261), (757, 261), (757, 68), (790, 68)]),
        ("cache", &[(724, 261), (757, 261), (757, 155), (790, 155)]),
        ("sessions", &[(724, 261), (790, 261)]),
        ("primary", &[(621, 420), (757, 420), (757, 367), (790, 367)]),
        ("reads", &[(621, 420), (757, 420), (757, 473), (790, 473)]),
        ("worker", &[(790, 34), (724, 34)]),
    ],
};

const NARROW: Layout = Layout {
    name: "narrow",
    width: 360,
    height: 678,
    box_width: 166,
    fits: 21,
    places: &[
        ("you", 2, 4),
        ("edge", 2, 120),
        ("proxy", 192, 120),
        ("web", 2, 236),
        ("pool", 192, 236),
        ("cache", 2, 352),
        ("primary", 192, 352),
        ("sessions", 2, 468),
        ("reads", 192, 468),
        ("queue", 2, 584),
        ("worker", 192, 584),
    ],
    wires: &[
        ("edge", &[(85, 94), (85, 120)]),
        ("proxy", &[(168, 165), (192, 165)]),
        ("web", &[(85, 210), (85, 236)]),
        ("pool", &[(168, 262), (275, 262)]),
        ("cache", &[(168, 300), (176, 300), (176, 397), (168, 397)]),
        ("sessions", &[(168, 300), (176, 300), (176, 513), (168, 513)]),
        ("queue", &[(168, 300), (176, 300), (176, 614), (168, 614)]),
        ("primary", &[(275, 262), (275, 352)]),
        ("reads", &[(275, 262), (275, 339), (184, 339), (184, 513), (192, 513)]),
        ("worker", &[(168, 650), (192, 650)]),
    ],
};

/// Both layouts of the same parts.
#[must_use]
pub fn draw(parts: &[Part]) -> [Drawing<'_>; 2] {
    [&WIDE, &NARROW].map(|layout| {
        let part = |id: &str| parts.iter().find(|part| part.id == id);
        let boxes = layout.places.iter().filter_map(|&(id, x, y)| {
            let part = part(id)?;
            Some(Placed {
                part,
                x,
                y,
                who: shortened(&part.who, layout.fits),
                note: shortened(&part.note, layout.fits),
                pods: part.pods.map(|pods| pods.words(layout.fits)).unwrap_or_default(),
            })
        });
        // What is away is drawn last: its line must not vanish below those of its neighbours on the trunk.
        let mut wires: Vec<Wire> = layout
            .wires
            .iter()
            .filter_map(|&(id, points)| {
                let led_to = part(id).or_else(|| part("primary").filter(|_| id == "pool"))?;
                Some(Wire { path: path(points), to: id, class: led_to.health.class() })
            })
            .collect();
        wires.sort_by_key(|wire| {
            ["absent", "unknown", "up", "degraded", "away"].iter().position(|class| *class == wire.class)
        });
        Drawing {
            name: layout.name,
            width: layout.width,
            height: layout.height,
            box_width: layout.box_width,
            box_height: HEIGHT,
            boxes: boxes.collect(),
            wires,
        }
    })
}

fn path(points: &[(u32, u32)]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        if write!(path, "{command}{x} {y}").is_err() {
            break;
        }
    }
    path
}

/// Names of pods differ at their end, so that is what stays.
fn shortened(text: &str, fits: usize) -> String {
    let length = text.chars().count();
    if length <= fits {
        return text.to_owned();
    }
    let end: String = text.chars().skip(length - fits + 1).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(a: (u32, u32), b: (u32, u32), width: u32) -> bool {
        a.0 < b.0 + width && b.0 < a.0 + width && a.1 < b.1 + HEIGHT && b.1 < a.1 + HEIGHT
    }

    #[test]
    fn boxes_stay_apart_and_inside() {
        for layout in [WIDE, NARROW] {
            for (index, &(id, x, y)) in layout.places.iter().enumerate() {
                assert!(x + layout.box_width <= layout.width && y + HEIGHT <= layout.height, "{id} {}", layout.name);
                for &(other, ox, oy) in &layout.places[index + 1..] {
                    assert!(!overlap((x, y), (ox, oy), layout.box_width), "{id} and {other} in {}", layout.name);
                }
            }
            for (id, points) in layout.wires {
                let &(_, x, y) = layout.places.iter().find(|place| place.0 == *id).unwrap();
                let &(px, py) = points.last().unwrap();
                assert!(
                    (x..=x + layout.box_width).contains(&px) && (y..=y + HEIGHT).contains(&py),
                    "{id} {}",
                    layout.name
                );
            }
        }
    }

    #[test]
    fn the_line_of_the_pods_fits_on_a_telephone() {
        let words = |min, max, headroom| {
            let planned = Planned { min, max };
            Pods { ready: min, planned, headroom_percent: Some(headroom) }.words(NARROW.fits)
        };
        assert_eq!(words(2, 2, 98), "2 of 2 pods, 98% room");
        assert_eq!(words(2, 6, 35), "2 of 2–6 pods");
        assert_eq!(words(20, 200, 100), "20 of 20–200 pods");
    }

    #[test]
    fn without_a_pool_the_way_to_the_database_is_drawn_all_the_same() {
        let parts = ["web", "primary"].map(|id| Part { health: Health::Up, ..Part::named(id, "") });
        for drawing in draw(&parts) {
            assert!(drawing.wires.iter().any(|wire| wire.to == "pool" && wire.class == "up"), "{}", drawing.name);
        }
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(shortened("shop-web-6d5f7c9b8-abcde", 10), "…9b8-abcde");
        assert_eq!(shortened("short", 10), "short");
    }
}
