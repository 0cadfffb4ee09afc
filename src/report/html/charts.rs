//! Charts over the load, as SVG: lines, bands and bars on a logarithmic axis that all of them share.
//!
//! Colours are marks that the page's style sheet turns into those of its theme; the light ones are in the SVG itself.

use plotters::coord::combinators::{LogCoord, WithKeyPoints};
use plotters::coord::ranged1d::ValueFormatter;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::FontFamily;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::ReportError;
use super::words::short;

/// Colours of series, in the order in which they are taken.
pub(super) const SERIES: [RGBColor; 6] = [
    RGBColor(0x1F, 0x5F, 0xBF),
    RGBColor(0xB4, 0x53, 0x09),
    RGBColor(0x0F, 0x76, 0x6E),
    RGBColor(0x9D, 0x17, 0x4D),
    RGBColor(0x6D, 0x28, 0xD9),
    RGBColor(0x4D, 0x7C, 0x0F),
];
const INK: RGBColor = RGBColor(0x47, 0x55, 0x69);
const GRID: RGBColor = RGBColor(0xDD, 0xE3, 0xEA);
const HERE: RGBColor = RGBColor(0x11, 0x18, 0x27);
const REFUSED: RGBColor = RGBColor(0xB9, 0x1C, 0x1C);

/// What all charts of a climb share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    /// Least and most load.
    pub(super) from: f64,
    pub(super) to: f64,
    /// The declared load.
    pub(super) here: f64,
    /// From this load on nothing is planned.
    pub(super) refused_from: Option<f64>,
}

/// Values over the load; `low` and `high` are equal for a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) points: Vec<(f64, f64, f64)>,
    /// Index into [`SERIES`].
    pub(super) colour: usize,
}

/// A row of bars: its name, and from which to which load there is one of which colour.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) bars: Vec<(f64, f64, usize)>,
}

/// Size of a chart in units of its view box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A chart's view box and what is drawn in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chart {
    pub(super) room: Room,
    pub(super) svg: String,
}

impl Chart {
    /// From a whole document of the backend: the page has an element of its own around it.
    fn new(room: Room, document: &str) -> Self {
        let inner = document.split_once('>').map_or("", |(_, rest)| rest);
        Self { room, svg: inner.rsplit_once("</svg>").map_or(inner, |(inner, _)| inner).trim().to_owned() }
    }
}

type Failed = DrawingAreaErrorKind<std::io::Error>;
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Loads = WithKeyPoints<LogCoord<f64>>;

/// Draws into a text.
fn drawn(room: Room, draw: impl FnOnce(&Area<'_>) -> Result<(), Failed>) -> Result<Chart, ReportError> {
    let mut document = String::new();
    {
        let canvas = SVGBackend::with_string(&mut document, (room.width, room.height)).into_drawing_area();
        draw(&canvas).and_then(|()| canvas.present()).map_err(|error| ReportError::Chart(error.to_string()))?;
    }
    Ok(Chart::new(room, &document))
}

/// Lines and bands over the load, both axes logarithmic.
pub(super) fn curves(room: Room, scale: &Scale, series: &[Series]) -> Result<Chart, ReportError> {
    drawn(room, |root| draw_curves(root, scale, series))
}

fn draw_curves(root: &Area<'_>, scale: &Scale, series: &[Series]) -> Result<(), Failed> {
    let values = || series.iter().flat_map(|one| &one.points).flat_map(|(_, low, high)| [*low, *high]);
    let least = values().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    let most = values().fold(0.0, f64::max);
    let (bottom, top) = if least <= most { decades(least, most) } else { (1.0, 10.0) };
    let mut chart = builder(root, 46)
        .build_cartesian_2d(loads(scale), (bottom..top).log_scale().with_key_points(keys(bottom, top)))?;
    mesh(&mut chart, 10, &|value| short(*value))?;
    refused(&mut chart, scale, bottom, top)?;
    for one in series {
        let colour = SERIES[one.colour % SERIES.len()];
        let points: Vec<_> = one.points.iter().filter(|(_, low, _)| *low > 0.0).copied().collect();
        let highs: Vec<(f64, f64)> = points.iter().map(|(load, _, high)| (*load, *high)).collect();
        let lows: Vec<(f64, f64)> = points.iter().map(|(load, low, _)| (*load, *low)).collect();
        if lows != highs {
            let around: Vec<_> = highs.iter().chain(lows.iter().rev()).copied().collect();
            chart.draw_series([Polygon::new(around, colour.mix(0.25))])?;
            chart.draw_series([PathElement::new(lows, colour.stroke_width(1))])?;
        }
        chart.draw_series([PathElement::new(highs, colour.stroke_width(2))])?;
    }
    here(&mut chart, scale, bottom, top)
}

/// Rows of bars over the load: where something is on.
pub(super) fn bars(room: Room, scale: &Scale, rows: &[Row]) -> Result<Chart, ReportError> {
    drawn(room, |root| draw_bars(root, scale, rows))
}

fn draw_bars(root: &Area<'_>, scale: &Scale, rows: &[Row]) -> Result<(), Failed> {
    let top = rows.len().max(1) as f64;
    // The first row is the uppermost one.
    let middle = |index: usize| top - index as f64 - 0.5;
    let rungs: RangedCoordf64 = (0.0..top).into();
    let mut chart = builder(root, 140).build_cartesian_2d(loads(scale), rungs)?;
    mesh(&mut chart, 0, &|_| String::new())?;
    let style = words().pos(Pos::new(HPos::Right, VPos::Center));
    for (index, row) in rows.iter().enumerate() {
        let at = EmptyElement::at((scale.from, middle(index)));
        chart.draw_series([at + Text::new(row.name.clone(), (-8, 0), style.clone())])?;
    }
    refused(&mut chart, scale, 0.0, top)?;
    for (index, row) in rows.iter().enumerate() {
        let at = middle(index);
        chart.draw_series(row.bars.iter().map(|(from, to, colour)| {
            Rectangle::new([(*from, at + 0.28), (*to, at - 0.28)], SERIES[*colour % SERIES.len()].filled())
        }))?;
    }
    here(&mut chart, scale, 0.0, top)
}

fn builder<'a, 'b>(root: &'a Area<'b>, labels: u32) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(root);
    builder.margin_top(8).margin_right(24).x_label_area_size(24).y_label_area_size(labels);
    builder
}

fn loads(scale: &Scale) -> WithKeyPoints<LogCoord<f64>> {
    let range: LogCoord<f64> = (scale.from..scale.to).log_scale().into();
    range.with_key_points(keys(scale.from, scale.to))
}

fn words() -> TextStyle<'static> {
    TextStyle::from((FontFamily::SansSerif, 15).into_font()).color(&INK)
}

fn mesh<Y: Ranged<ValueType = f64> + ValueFormatter<f64>>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<Loads, Y>>,
    labels: usize,
    name: &dyn Fn(&f64) -> String,
) -> Result<(), Failed> {
    chart
        .configure_mesh()
        .axis_style(GRID)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .label_style(words())
        .y_labels(labels)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(name)
        .draw()
}

/// Where nothing is planned.
fn refused<Y: Ranged<ValueType = f64>>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<Loads, Y>>,
    scale: &Scale,
    bottom: f64,
    top: f64,
) -> Result<(), Failed> {
    if let Some(from) = scale.refused_from {
        chart.draw_series([Rectangle::new([(from, top), (scale.to, bottom)], REFUSED.mix(0.16).filled())])?;
    }
    Ok(())
}

/// The declared load.
fn here<Y: Ranged<ValueType = f64>>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<Loads, Y>>,
    scale: &Scale,
    bottom: f64,
    top: f64,
) -> Result<(), Failed> {
    if (scale.from..=scale.to).contains(&scale.here) {
        let line = [(scale.here, bottom), (scale.here, top)];
        chart.draw_series(DashedLineSeries::new(line, 4, 4, HERE.stroke_width(1)))?;
    }
    Ok(())
}

/// The powers of ten around a range.
fn decades(least: f64, most: f64) -> (f64, f64) {
    let bottom = 10_f64.powi(least.log10().floor() as i32);
    let top = 10_f64.powi(most.log10().ceil() as i32);
    (bottom, if top > bottom { top } else { bottom * 10.0 })
}

/// The powers of ten of a range; every second or third one, where they are many.
fn keys(from: f64, to: f64) -> Vec<f64> {
    let (first, last) = (from.log10().ceil() as i32, to.log10().floor() as i32);
    let step = ((last - first) / 6 + 1).max(1);
    (first..=last).step_by(step as usize).map(|power| 10_f64.powi(power)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Scale = Scale { from: 1e3, to: 1e8, here: 2e5, refused_from: Some(1e7) };

    #[test]
    fn axes_end_at_powers_of_ten() {
        assert_eq!(decades(0.13, 480.0), (0.1, 1000.0));
        assert_eq!(decades(10.0, 10.0), (10.0, 100.0));
        assert_eq!(keys(1e3, 1e8).len(), 6);
        assert_eq!(keys(0.1, 1e8), [0.1, 10.0, 1e3, 1e5, 1e7]);
    }

    #[test]
    fn a_band_has_an_area_and_a_line_has_none() {
        let room = Room { width: 480, height: 240 };
        let line = Series { points: vec![(1e3, 1.0, 1.0), (1e6, 500.0, 500.0)], colour: 0 };
        let band = Series { points: vec![(1e3, 1.0, 2.0), (1e6, 500.0, 700.0)], colour: 1 };
        let polygons = |series: &[Series]| curves(room, &SCALE, series).unwrap().svg.matches("<polygon").count();
        assert_eq!((polygons(std::slice::from_ref(&line)), polygons(&[line, band])), (0, 1));
    }

    #[test]
    fn nothing_to_show_is_an_empty_chart() {
        let room = Room { width: 480, height: 240 };
        let chart = curves(room, &SCALE, &[Series { points: vec![(1e3, 0.0, 0.0)], colour: 0 }]).unwrap();
        assert!(chart.svg.contains("100M") && !chart.svg.contains("NaN"), "{}", chart.svg);
    }

    #[test]
    fn names_of_rows_are_escaped_and_in_their_order() {
        let room = Room { width: 480, height: 240 };
        let row = |name: &str, bars| Row { name: name.to_owned(), bars };
        let rows = [row("<b>", vec![(1e3, 1e5, 0), (1e5, 1e8, 1)]), row("Cache", vec![])];
        let svg = bars(room, &SCALE, &rows).unwrap().svg;
        let first = svg.find("&lt;b&gt;").unwrap();
        let y =
            |at: usize| svg[..at].rsplit_once(" y=\"").unwrap().1.split('"').next().unwrap().parse::<i32>().unwrap();
        assert!(!svg.contains("<b>") && y(first) < y(svg.find("Cache").unwrap()), "{svg}");
    }
}
