//! Small plots and bars, as SVG in the page: no script draws them, so they are there without one.

use std::fmt::Write as _;

use crate::admin::history::SAMPLES_MAX;

/// The size of a plot's own coordinates; the page stretches it.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 96.0;
/// Room above the highest point, and below the lowest for the line's own width.
const MARGIN: f64 = 4.0;

/// A line of a plot; where there is no value, there is none. The newest stands at the right edge.
pub(super) struct Line<'a> {
    pub(super) class: &'a str,
    pub(super) values: Vec<Option<f64>>,
    /// Whether the room below is filled.
    pub(super) is_filled: bool,
}

/// A plot of some lines on one scale, with what it says in words for those who do not see it.
pub(super) fn plot(label: &str, lines: &[Line<'_>]) -> String {
    let values = lines.iter().flat_map(|line| line.values.iter().flatten());
    // A plot of nothing lies on the ground, not in the middle.
    let top = values.fold(0.0_f64, |top, value| top.max(*value)).max(1e-9);
    let mut svg = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" \
         role=\"img\" aria-label=\"{label}\">"
    );
    for share in [0.25, 0.5, 0.75] {
        let y = HEIGHT * share;
        _ = write!(svg, "<line class=\"grid\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{y}\" y2=\"{y}\"/>");
    }
    for line in lines {
        for run in runs(&line.values, top) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let points: Vec<_> = run.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let (class, points) = (line.class, points.join(" "));
            if line.is_filled {
                let (from, to) = (first.0, last.0);
                _ = write!(
                    svg,
                    "<polygon class=\"{class} area\" points=\"{from:.1},{HEIGHT} {points} {to:.1},{HEIGHT}\"/>"
                );
            }
            if run.len() == 1 {
                // A line of one point would not be seen.
                let (x, y) = *first;
                let to = x + 2.0;
                _ = write!(
                    svg,
                    "<polyline class=\"{class}\" points=\"{x:.1},{y:.1} {to:.1},{y:.1}\"/>"
                );
            } else {
                _ = write!(svg, "<polyline class=\"{class}\" points=\"{points}\"/>");
            }
        }
    }
    svg.push_str("</svg>");
    svg
}

/// The points of a line, in pieces where values are missing.
fn runs(values: &[Option<f64>], top: f64) -> Vec<Vec<(f64, f64)>> {
    let step = WIDTH / (SAMPLES_MAX - 2) as f64;
    let right = WIDTH - step * values.len().saturating_sub(1) as f64;
    let mut runs = vec![Vec::new()];
    for (at, value) in values.iter().enumerate() {
        match value {
            Some(value) => {
                let y = HEIGHT - MARGIN / 2.0 - value / top * (HEIGHT - 2.0 * MARGIN);
                if let Some(run) = runs.last_mut() {
                    run.push((right + step * at as f64, y));
                }
            }
            None => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// How much of a life is left, from 0 to 1.
pub(super) fn life_bar(left: f64, class: &str) -> String {
    let left = left.clamp(0.0, 1.0) * 100.0;
    format!(
        "<svg class=\"life {class}\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"track\" width=\"100\" height=\"4\"/><rect class=\"left\" width=\"{left:.1}\" height=\"4\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_stands_at_the_right_edge_and_the_highest_at_the_top() {
        let runs = runs(&[Some(0.0), None, Some(5.0), Some(10.0)], 10.0);
        assert_eq!(runs.len(), 2);
        let (x, y) = runs[1][1];
        assert!((x - WIDTH).abs() < 0.01 && (0.0..MARGIN * 2.0).contains(&y), "{x} {y}");
        assert!(runs[0][0].1 > HEIGHT - MARGIN);
    }

    #[test]
    fn a_plot_of_nothing_is_a_plot() {
        let line = |values| Line { class: "a", values, is_filled: true };
        assert!(!plot("x", &[line(vec![])]).contains("NaN"));
        let plot = plot("x", &[line(vec![Some(0.0); 180])]);
        assert!(!plot.contains("NaN") && plot.contains("polygon"));
    }
}
