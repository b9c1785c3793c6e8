//! A plot of what each case costs the peers, nginx being one: bars for the gateway, marks for the others, on a
//! logarithmic axis, so that half and twice are equally far from the line.
//!
//! Colours follow the reader's scheme and have a ground of their own, as a page around may be otherwise; who cannot
//! tell them apart has shapes, and who sees nothing of it has the figures as text.

use std::fmt::Write as _;

use crate::cases::Case;
use crate::peers::{Kind, Peer};
use crate::report::is_cost;
use crate::results::Results;

const WIDTH: f64 = 780.0;
/// Where the axis begins and ends; names are on the left of it, figures on the right.
const AXIS: [f64; 2] = [270.0, 700.0];
const TOP: f64 = 84.0;
const ROW: f64 = 26.0;

const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.quiet { fill: #59636e; font-size: 12px }
.figure { font-weight: 600 }
.ground { fill: #ffffff }
.grid { stroke: #d1d9e0 }
.line { stroke: #1f2328; stroke-width: 1.5 }
.gateway { fill: #0969da }
.haproxy { fill: #ffffff; stroke: #9a6700; stroke-width: 2 }
.envoy { fill: #8250df; stroke: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .quiet { fill: #9198a1 }
  .ground { fill: #0d1117 }
  .grid { stroke: #3d444d }
  .line { stroke: #f0f6fc }
  .gateway { fill: #4493f8 }
  .haproxy { fill: #0d1117; stroke: #d29922 }
  .envoy { fill: #ab7df8; stroke: #0d1117 }
}
";

struct Row<'a> {
    case: &'a Case,
    gateway: f64,
    others: Vec<(Kind, f64)>,
}

/// An axis of powers of two.
struct Axis {
    low: i32,
    high: i32,
}

impl Axis {
    /// Wide enough for all of these, and never without the line of nginx.
    fn around(ratios: impl Iterator<Item = f64>) -> Self {
        const FARTHEST: f64 = 5.0;
        let mut axis = Self { low: -1, high: 1 };
        for ratio in ratios {
            let power = ratio.log2().clamp(-FARTHEST, FARTHEST);
            #[allow(clippy::cast_possible_truncation, reason = "it was clamped")]
            let (below, above) = (power.floor() as i32, power.ceil() as i32);
            axis = Self { low: axis.low.min(below), high: axis.high.max(above) };
        }
        axis
    }

    fn at(&self, ratio: f64) -> f64 {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        let part = (ratio.log2().clamp(low, high) - low) / (high - low);
        AXIS[0] + part * (AXIS[1] - AXIS[0])
    }
}

/// The plot as SVG; without the gateway or nginx, one that says so.
pub(crate) fn draw(cases: &[Case], peers: &[Peer], results: &Results) -> String {
    let rows = rows(cases, peers, results);
    let ratios = rows.iter().flat_map(|row| {
        let others = row.others.iter().map(|(_, ratio)| *ratio);
        std::iter::once(row.gateway).chain(others)
    });
    let axis = Axis::around(ratios);
    let bottom = TOP + ROW * rows.len() as f64;
    let height = bottom + 44.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"title description\">\n\
         <title id=\"title\">Cost of mtls-gateway beside nginx</title>\n\
         <desc id=\"description\">{}</desc>\n<style>\n{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n\
         <text class=\"title\" x=\"20\" y=\"30\">What it costs, with nginx as 1</text>\n",
        description(&rows),
    );
    legend(&mut svg, peers);
    scale(&mut svg, &axis, bottom);
    for (number, row) in rows.iter().enumerate() {
        draw_row(&mut svg, &axis, row, TOP + ROW * (number as f64 + 0.5));
    }
    let one = axis.at(1.0);
    element(&mut svg, &format!("<path class=\"line\" d=\"M{one:.1} {}V{bottom}\"/>", TOP - 4.0));
    svg + "</svg>\n"
}

fn rows<'a>(cases: &'a [Case], peers: &[Peer], results: &Results) -> Vec<Row<'a>> {
    let ratio = |case: &Case, kind| results.ratio(case.name, kind, Kind::Nginx);
    let others = |case: &Case| {
        let kinds = peers.iter().map(|peer| peer.kind);
        let kinds = kinds.filter(|kind| matches!(kind, Kind::Haproxy | Kind::Envoy));
        kinds.filter_map(|kind| Some((kind, ratio(case, kind)?))).collect()
    };
    let costs = cases.iter().filter(|case| is_cost(case));
    costs
        .filter_map(|case| {
            Some(Row { case, gateway: ratio(case, Kind::Gateway)?, others: others(case) })
        })
        .collect()
}

fn description(rows: &[Row<'_>]) -> String {
    if rows.is_empty() {
        return "Nothing was measured of both the gateway and nginx.".to_owned();
    }
    let of = |row: &Row<'_>| {
        let mut text = format!("{}: mtls-gateway {:.2}", row.case.what, row.gateway);
        for (kind, ratio) in &row.others {
            _ = write!(text, ", {} {ratio:.2}", kind.name());
        }
        text
    };
    let figures: Vec<_> = rows.iter().map(of).collect();
    format!("Processor time, memory or time as parts of nginx's. {}.", figures.join("; "))
}

fn legend(svg: &mut String, peers: &[Peer]) {
    let mut x = 20.0;
    for kind in [Kind::Gateway, Kind::Haproxy, Kind::Envoy] {
        if !peers.iter().any(|peer| peer.kind == kind) {
            continue;
        }
        match kind {
            Kind::Gateway => bar(svg, x, x + 12.0, 52.0),
            other => mark(svg, other, x + 6.0, 52.0),
        }
        let name = kind.name();
        element(svg, &format!("<text class=\"quiet\" x=\"{}\" y=\"56\">{name}</text>", x + 18.0));
        x += 18.0 + 7.5 * name.len() as f64 + 16.0;
    }
    let text = "<text class=\"quiet\" x=\"760\" y=\"56\" text-anchor=\"end\">left of the line: less than nginx</text>";
    element(svg, text);
}

fn scale(svg: &mut String, axis: &Axis, bottom: f64) {
    for power in axis.low..=axis.high {
        let ratio = f64::from(power).exp2();
        let x = axis.at(ratio);
        let label = match power {
            0 => "nginx".to_owned(),
            power if power > 0 => format!("{ratio}×"),
            power => format!("1/{}", (-f64::from(power)).exp2()),
        };
        element(svg, &format!("<path class=\"grid\" d=\"M{x:.1} {}V{bottom}\"/>", TOP - 4.0));
        let y = bottom + 20.0;
        let place = format!("x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\"");
        element(svg, &format!("<text class=\"quiet\" {place}>{label}</text>"));
    }
}

fn draw_row(svg: &mut String, axis: &Axis, row: &Row<'_>, y: f64) {
    let (what, text) = (row.case.what, y + 4.5);
    element(
        svg,
        &format!("<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{what}</text>", AXIS[0] - 14.0),
    );
    let (value, one) = (axis.at(row.gateway), axis.at(1.0));
    bar(svg, value.min(one), value.max(one), y);
    for (kind, ratio) in &row.others {
        mark(svg, *kind, axis.at(*ratio), y);
    }
    let figure = format!("{:.2}", row.gateway);
    element(
        svg,
        &format!(
            "<text class=\"figure\" x=\"760\" y=\"{text}\" text-anchor=\"end\">{figure}</text>"
        ),
    );
}

fn bar(svg: &mut String, from: f64, to: f64, y: f64) {
    let width = (to - from).max(1.0);
    let place = format!("x=\"{from:.1}\" y=\"{:.1}\" width=\"{width:.1}\"", y - 7.0);
    element(svg, &format!("<rect class=\"gateway\" {place} height=\"14\" rx=\"2\"/>"));
}

/// A ring, or a diamond.
fn mark(svg: &mut String, kind: Kind, x: f64, y: f64) {
    let class = kind.key();
    let shape = match kind {
        Kind::Envoy => {
            format!("<path class=\"{class}\" d=\"M{x:.1} {:.1}l6 6l-6 6l-6 -6z\"/>", y - 6.0)
        }
        _ => format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>"),
    };
    element(svg, &shape);
}

fn element(svg: &mut String, element: &str) {
    svg.push_str(element);
    svg.push('\n');
}
