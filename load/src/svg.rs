//! Line charts, as SVG.

use std::fmt::Write;

const WIDTH: f64 = 1_140.0;
const HEIGHT: f64 = 440.0;
/// Where the lines are, between the labels; what they are called stands to the right of them.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 940.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 380.0;
/// Colours that are told apart with any kind of sight (Okabe and Ito, "Color Universal Design").
const COLORS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];
/// More points than can be told apart across a chart.
const MOST_POINTS: usize = 400;

/// A chart.
pub struct Chart<'a> {
    pub title: &'a str,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
}

/// An axis: where its ends are, and what stands at it.
#[derive(Clone, Debug)]
pub struct Axis {
    pub name: &'static str,
    pub from: f64,
    pub to: f64,
    pub marks: Vec<(f64, String)>,
}

/// A line.
pub struct Line {
    pub name: &'static str,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

impl Axis {
    /// From 0 to `most` or a little more, with some round numbers.
    pub fn linear(name: &'static str, most: f64) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let rough = most / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
        let step = step.into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let steps = (most / step).ceil();
        let mut marks = Vec::new();
        let mut at = 0.0;
        while at <= steps {
            marks.push((at * step, label(at * step)));
            at += 1.0;
        }
        Self { name, from: 0.0, to: steps * step, marks }
    }

    /// Powers of ten, around what is from `least` to `most`; what is shown has to be its logarithm.
    pub fn logarithmic(name: &'static str, least: f64, most: f64) -> Self {
        // Of nothing at all neither is known.
        let (least, most) = if least <= most { (least, most) } else { (1.0, 10.0) };
        let from = least.max(1e-3).log10().floor();
        let to = most.max(least * 1.01).max(1e-2).log10().ceil().max(from + 1.0);
        let mut marks = Vec::new();
        let mut at = from;
        while at <= to {
            marks.push((at, label(10_f64.powf(at))));
            at += 1.0;
        }
        Self { name, from, to, marks }
    }

    /// How far along the axis a value is, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

/// A number with no more digits than it needs.
fn label(value: f64) -> String {
    if value >= 1_000_000.0 {
        format!("{}M", value / 1e6)
    } else if value >= 1_000.0 {
        format!("{}k", value / 1e3)
    } else {
        format!("{}", (value * 1e6).round() / 1e6)
    }
}

impl Chart<'_> {
    /// The chart as an SVG document.
    pub fn draw(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n\
             <title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"{LEFT}\" y=\"26\" font-size=\"17\">{title}</text>\n",
            title = escaped(self.title),
        );
        self.draw_axes(&mut svg);
        for (number, line) in self.lines.iter().enumerate() {
            self.draw_line(&mut svg, line, number);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_axes(&self, svg: &mut String) {
        let middle = f64::midpoint(LEFT, RIGHT);
        put(
            svg,
            format_args!(
                "<g fill=\"#333\"><text x=\"{middle}\" y=\"418\" text-anchor=\"middle\">{}</text>\
             <text x=\"{LEFT}\" y=\"42\" text-anchor=\"end\">{}</text>\n",
                escaped(self.x.name),
                escaped(self.y.name),
            ),
        );
        for (at, text) in &self.x.marks {
            let x = self.x_of(*at);
            put(
                svg,
                format_args!(
                    "<path d=\"M{x:.1} {TOP}V{BOTTOM}\" stroke=\"#ddd\"/>\
                 <text x=\"{x:.1}\" y=\"398\" text-anchor=\"middle\">{}</text>\n",
                    escaped(text),
                ),
            );
        }
        for (at, text) in &self.y.marks {
            let y = self.y_of(*at);
            put(
                svg,
                format_args!(
                    "<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                    LEFT - 6.0,
                    y + 4.0,
                    escaped(text),
                ),
            );
        }
        svg.push_str("</g>\n");
    }

    fn draw_line(&self, svg: &mut String, line: &Line, number: usize) {
        let color = COLORS[number % COLORS.len()];
        // The second line of a colour is a broken one.
        let dashes = if number < COLORS.len() { "" } else { " stroke-dasharray=\"6 4\"" };
        let every = line.points.len().div_ceil(MOST_POINTS).max(1);
        let places: Vec<_> = line
            .points
            .chunks(every)
            .filter_map(highest)
            .map(|(x, y)| format!("{:.1},{:.1}", self.x_of(x), self.y_of(y)))
            .collect();
        put(
            svg,
            format_args!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.8\"{dashes}/>\n",
                places.join(" "),
            ),
        );
        let y = TOP + 16.0 + 18.0 * f64::from(u8::try_from(number).unwrap_or(u8::MAX));
        put(
            svg,
            format_args!(
                "<path d=\"M{:.0} {:.0}h22\" stroke=\"{color}\" stroke-width=\"3\"{dashes}/>\
             <text x=\"{:.0}\" y=\"{y:.0}\">{}</text>\n",
                RIGHT + 14.0,
                y - 4.0,
                RIGHT + 42.0,
                escaped(line.name),
            ),
        );
    }

    fn x_of(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (RIGHT - LEFT)
    }

    fn y_of(&self, value: f64) -> f64 {
        BOTTOM - self.y.place(value) * (BOTTOM - TOP)
    }
}

/// Of points that fall together, the highest: a peak must not get lost.
fn highest(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    points.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1))
}

fn put(svg: &mut String, what: std::fmt::Arguments<'_>) {
    // A String takes whatever is written to it.
    let _ok = svg.write_fmt(what);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> String {
        let lines = vec![Line { name: "a < b", points }];
        let (x, y) = (Axis::linear("s", 100.0), Axis::linear("rate", 1_000.0));
        Chart { title: "a & b", x, y, lines }.draw()
    }

    #[test]
    fn points_are_where_they_belong_and_text_is_escaped() {
        let svg = chart(vec![(0.0, 0.0), (50.0, 500.0), (100.0, 1_000.0)]);
        assert!(svg.contains("points=\"70.0,380.0 505.0,215.0 940.0,50.0\""), "{svg}");
        assert!(svg.contains("a &amp; b") && svg.contains("a &lt; b"));
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn a_long_series_stays_small_and_keeps_its_peak() {
        let mut points: Vec<_> = (0..100_000).map(|at| (f64::from(at) / 1e3, 1.0)).collect();
        points[54_321].1 = 1_000.0;
        let svg = chart(points);
        assert!(svg.len() < 20_000, "{}", svg.len());
        assert!(svg.contains(",50.0 "), "the peak is at the top");
    }

    #[test]
    fn axes_have_round_marks() {
        let linear = Axis::linear("", 1_234.0);
        let marks: Vec<_> = linear.marks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(marks, ["0", "500", "1k", "1.5k"]);
        let logarithmic = Axis::logarithmic("", 0.4, 120.0);
        let marks: Vec<_> = logarithmic.marks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(marks, ["0.1", "1", "10", "100", "1k"]);
        assert!(Axis::linear("", 0.0).to > 0.0);
    }
}
