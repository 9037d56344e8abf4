//! A chart of lines or points, as SVG, which stands alone or within a page, or as PNG.

use std::ops::RangeInclusive;
use std::sync::Once;

use epaint_default_fonts::UBUNTU_LIGHT;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use plotters::drawing::DrawingAreaErrorKind;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::register_font;

use super::Axis;

/// The size of a chart in pixels.
const SIZE: (u32, u32) = (720, 360);
/// Colours that are told apart also by those who see few, after Okabe and Ito (2008).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
];
/// Pixels that are drawn and left out of lines whose colour others have before them; the first of a colour is whole.
const DASHES: [Option<(i32, i32)>; 4] = [None, Some((8, 4)), Some((2, 3)), Some((16, 4))];
/// How long the line beside a name is, in pixels.
const SAMPLE: i32 = 24;
/// As many names hide no more than a corner of the chart.
const NAMES: usize = 12;
const FONT: &str = "sans-serif";

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// The horizontal quantity with its unit.
    pub x: Axis,
    /// The vertical one.
    pub y: Axis,
    /// What is drawn, in the order of their colours.
    pub series: Vec<Series>,
}

/// Values that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Horizontal and vertical values.
    pub points: Vec<(f64, f64)>,
    /// Whether a line joins them.
    pub joined: bool,
}

impl Chart {
    /// The chart as SVG; none if no value has a place in it.
    pub fn svg(&self) -> Option<String> {
        let mut text = String::new();
        self.draw(SVGBackend::with_string(&mut text, SIZE))?;
        Some(text)
    }

    /// The chart as PNG; none if no value has a place in it.
    pub fn png(&self) -> Option<Vec<u8>> {
        let (width, height) = SIZE;
        let mut pixels = vec![0; (width * height * 3) as usize];
        self.draw(BitMapBackend::with_buffer(&mut pixels, SIZE))?;
        let mut png = Vec::new();
        // Writing into memory does not fail.
        PngEncoder::new(&mut png).write_image(&pixels, width, height, ExtendedColorType::Rgb8).ok()?;
        Some(png)
    }

    /// Draws it; none if no value has a place in it.
    fn draw<B: DrawingBackend>(&self, canvas: B) -> Option<()> {
        static NAMED: Once = Once::new();
        // The same bytes always, so it does not fail. SVG needs the widths of its letters.
        NAMED.call_once(|| drop(register_font(FONT, FontStyle::Normal, UBUNTU_LIGHT)));
        let place = |(x, y): &(f64, f64)| Some((self.x.place(*x)?, self.y.place(*y)?));
        let placed: Vec<Vec<(f64, f64)>> =
            self.series.iter().map(|series| series.points.iter().filter_map(place).collect()).collect();
        let all = || placed.iter().flatten();
        let x = range(all().map(|(x, _)| *x), 0.0)?;
        let y = range(all().map(|(_, y)| *y), 0.05)?;
        // Drawing into memory does not fail.
        self.lay(canvas, x, y, &placed).ok()
    }

    fn lay<B: DrawingBackend>(
        &self,
        canvas: B,
        x: (f64, f64),
        y: (f64, f64),
        placed: &[Vec<(f64, f64)>],
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let root = canvas.into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, (FONT, 16))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d(x.0..x.1, y.0..y.1)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .axis_style(BLACK.mix(0.6))
            .x_desc(&self.x.name)
            .y_desc(&self.y.name)
            .label_style((FONT, 12))
            .x_label_formatter(&|place| self.x.label(*place))
            .y_label_formatter(&|place| self.y.label(*place))
            .draw()?;
        for (number, (series, points)) in self.series.iter().zip(placed).enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let line = colour.stroke_width(2);
            let dashes = DASHES[number / COLOURS.len() % DASHES.len()];
            let drawn = match (series.joined && points.len() > 1, dashes) {
                (true, None) => chart.draw_series(LineSeries::new(points.iter().copied(), line))?,
                (true, Some((on, off))) => {
                    chart.draw_series(DashedLineSeries::new(points.iter().copied(), on, off, line))?
                }
                (false, _) => chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?,
            };
            if self.series.len() > 1 && number < NAMES {
                let (on, off) = dashes.unwrap_or((SAMPLE, 0));
                let sample = move |(x, y)| DashedPathElement::new(vec![(x, y), (x + SAMPLE, y)], on, off, line);
                drawn.label(&series.name).legend(sample);
            }
        }
        if self.series.len() > NAMES {
            let more = chart.draw_series(std::iter::empty::<PathElement<(f64, f64)>>())?;
            more.label(format!("and {} more", self.series.len() - NAMES));
        }
        if self.series.len() > 1 {
            let mut names = chart.configure_series_labels();
            names.position(emptiest(x, y, placed)).background_style(WHITE.mix(0.85));
            names.label_font((FONT, 12)).draw()?;
        }
        root.present()?;
        Ok(())
    }
}

/// The place at the right or left edge in which the fewest points lie; of several the first one.
fn emptiest(x: (f64, f64), y: (f64, f64), placed: &[Vec<(f64, f64)>]) -> SeriesLabelPosition {
    use SeriesLabelPosition::{LowerLeft, LowerRight, MiddleLeft, MiddleRight, UpperLeft, UpperRight};
    let share = |value: f64, (low, high): (f64, f64)| (value - low) / (high - low);
    let (right, left) = (0.65..=1.0, 0.0..=0.35);
    let (upper, middle, lower) = (0.7..=1.0, 0.35..=0.65, 0.0..=0.3);
    let places = [
        (&right, &upper, UpperRight),
        (&left, &upper, UpperLeft),
        (&right, &lower, LowerRight),
        (&left, &lower, LowerLeft),
        (&right, &middle, MiddleRight),
        (&left, &middle, MiddleLeft),
    ];
    let within = |across: &RangeInclusive<f64>, up: &RangeInclusive<f64>| {
        placed.iter().flatten().filter(|(a, b)| across.contains(&share(*a, x)) && up.contains(&share(*b, y))).count()
    };
    let best = places.into_iter().min_by_key(|(across, up, _)| within(across, up));
    best.map_or(UpperRight, |(_, _, place)| place)
}

/// The least range that holds all values, widened by a share of it; none without values.
fn range(values: impl Iterator<Item = f64>, margin: f64) -> Option<(f64, f64)> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let width = if high > low { high - low } else { high.abs().max(1.0) };
    let room = if high > low { margin * width } else { 0.5 * width };
    (low <= high).then_some((low - room, high + room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_without_a_place_are_left_out() {
        let series = |points: &[(f64, f64)]| Series { name: "a".to_owned(), points: points.to_vec(), joined: true };
        let chart = |points: &[(f64, f64)]| Chart {
            title: "t < u".to_owned(),
            x: Axis::linear("step"),
            y: Axis::log("loss"),
            series: vec![series(points)],
        };
        assert_eq!(chart(&[(1.0, 0.0), (2.0, -1.0), (3.0, f64::NAN)]).svg(), None);
        assert!(chart(&[(1.0, 10.0), (2.0, 0.0)]).svg().unwrap().contains("<circle"), "a line of one point is a dot");
        let svg = chart(&[(1.0, 10.0), (2.0, 0.0), (3.0, 1000.0)]).svg().unwrap();
        assert!(svg.contains("t &lt; u") && svg.contains("polyline"), "{svg}");
        let png = chart(&[(1.0, 10.0), (3.0, 1000.0)]).png().unwrap();
        let picture = image::load_from_memory(&png).unwrap().to_rgb8();
        let of_line = |pixel: &image::Rgb<u8>| pixel.0 == [0, 114, 178];
        assert!(picture.dimensions() == SIZE && picture.pixels().filter(|pixel| of_line(pixel)).count() > 500);
        assert_eq!(chart(&[(f64::MAX, 1.0), (1.0, f64::MAX)]).svg(), None);
        assert!(chart(&[(1e300, 1e300), (-1e300, 1e300)]).svg().is_some());
    }

    #[test]
    fn many_lines_are_told_apart_and_only_some_are_named() {
        let series = |number: usize| Series {
            name: format!("run {number}"),
            points: vec![(0.0, number as f64), (1.0, number as f64)],
            joined: true,
        };
        let chart = |count: usize| Chart {
            title: "loss".to_owned(),
            x: Axis::linear("step"),
            y: Axis::linear(""),
            series: (0..count).map(series).collect(),
        };
        let lines = |svg: &str| svg.matches("<polyline").count();
        let (few, many) = (chart(7).svg().unwrap(), chart(40).svg().unwrap());
        assert!(few.contains("run 6") && !few.contains("more"), "{few}");
        assert!(many.contains("run 11") && !many.contains("run 12") && many.contains("and 28 more"), "{many}");
        let [seven, eight] = [7, 8].map(|count| lines(&chart(count).svg().unwrap()));
        assert!(eight > seven + 20, "the eighth line has dashes: {seven}, {eight}");
    }
}
