//! The architecture as boxes and lines, laid out twice: across for a desk, down for a telephone. Pure: it must never ask anybody anything.

use std::fmt::Write as _;

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It answered.
    Up,
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

const HEIGHT: u32 = 72;

// Beyond the pod all hang on one trunk, so that no line crosses a box.
const WIDE: Layout = Layout {
    name: "wide",
    width: 1000,
    height: 474,
    box_width: 205,
    fits: 25,
    places: &[
        ("you", 5, 201),
        ("edge", 262, 201),
        ("proxy", 262, 63),
        ("web", 519, 201),
        ("cache", 790, 5),
        ("sessions", 790, 103),
        ("primary", 790, 201),
        ("reads", 790, 299),
        ("queue", 790, 397),
        ("worker", 519, 397),
    ],
    wires: &[
        ("edge", &[(210, 237), (262, 237)]),
        ("proxy", &[(364, 201), (364, 135)]),
        ("web", &[(467, 237), (519, 237)]),
        ("cache", &[(724, 237), (757, 237), (757, 41), (790, 41)]),
        ("sessions", &[(724, 237), (757, 237), (757, 139), (790, 139)]),
        ("primary", &[(724, 237), (790, 237)]),
        ("reads", &[(724, 237), (757, 237), (757, 335), (790, 335)]),
        ("queue", &[(724, 237), (757, 237), (757, 420), (790, 420)]),
        ("worker", &[(790, 446), (724, 446)]),
    ],
};

const NARROW: Layout = Layout {
    name: "narrow",
    width: 360,
    height: 588,
    box_width: 166,
    fits: 21,
    places: &[
        ("you", 2, 4),
        ("edge", 2, 106),
        ("proxy", 192, 106),
        ("web", 2, 208),
        ("cache", 2, 310),
        ("sessions", 192, 310),
        ("primary", 2, 412),
        ("reads", 192, 412),
        ("worker", 2, 514),
        ("queue", 192, 514),
    ],
    wires: &[
        ("edge", &[(85, 76), (85, 106)]),
        ("proxy", &[(168, 142), (192, 142)]),
        ("web", &[(85, 178), (85, 208)]),
        ("cache", &[(168, 244), (180, 244), (180, 346), (168, 346)]),
        ("sessions", &[(168, 244), (180, 244), (180, 346), (192, 346)]),
        ("primary", &[(168, 244), (180, 244), (180, 448), (168, 448)]),
        ("reads", &[(168, 244), (180, 244), (180, 448), (192, 448)]),
        ("queue", &[(168, 244), (180, 244), (180, 536), (192, 536)]),
        ("worker", &[(192, 566), (168, 566)]),
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
            })
        });
        // What is away is drawn last: its line must not vanish below those of its neighbours on the trunk.
        let mut wires: Vec<Wire> = layout
            .wires
            .iter()
            .filter_map(|&(id, points)| Some(Wire { path: path(points), to: id, class: part(id)?.health.class() }))
            .collect();
        wires.sort_by_key(|wire| ["absent", "unknown", "up", "away"].iter().position(|class| *class == wire.class));
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
    fn long_names_keep_their_end() {
        assert_eq!(shortened("shop-web-6d5f7c9b8-abcde", 10), "…9b8-abcde");
        assert_eq!(shortened("short", 10), "short");
    }
}
