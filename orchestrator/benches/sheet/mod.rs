//! What a benchmark prints: a plain table for a person, then one line of JSON with a fingerprint of the machine.

use serde_json::{Map, Value, json};

/// The results of one benchmark.
pub struct Sheet {
    name: &'static str,
    rows: Vec<Vec<String>>,
    figures: Map<String, Value>,
}

impl Sheet {
    /// An empty table with these column heads.
    pub fn new(name: &'static str, heads: &[&str]) -> Sheet {
        let heads = heads.iter().map(|&head| head.to_owned()).collect();
        Sheet { name, rows: vec![heads], figures: Map::new() }
    }

    /// Adds a row to the table.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Adds a number to the line of JSON, to four digits.
    pub fn figure(&mut self, name: &str, value: f64) {
        let short: f64 = format!("{value:.3e}").parse().unwrap_or(value);
        self.figures.insert(name.to_owned(), short.into());
    }

    /// Prints both to the standard output.
    pub fn print(&self) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &[String], i: usize| row.get(i).map_or(0, |cell| cell.chars().count());
        let widths: Vec<usize> =
            (0..columns).map(|i| self.rows.iter().map(|row| cell(row, i)).max().unwrap_or(0)).collect();
        for row in &self.rows {
            let padded = row.iter().zip(&widths).enumerate().map(|(i, (cell, &width))| match i {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            println!("{}", padded.collect::<Vec<_>>().join("  ").trim_end());
        }
        println!("{}", json!({ "bench": self.name, "machine": machine(), "figures": self.figures }));
    }
}

/// The median of some values; not a number if there is none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n => (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0,
    }
}

/// What the figures depend on beside the code; `load` is the average of the last minute, of other programs too.
fn machine() -> Value {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let vectors = ["avx512f", "avx2", "sse2"];
    let flags = field("flags").unwrap_or_default();
    let simd = vectors.into_iter().find(|flag| flags.split_whitespace().any(|found| found == *flag));
    let os = format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim());
    json!({
        "cpu": field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        "simd": simd,
        "cores": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        "os": os.trim(),
        "load": read("/proc/loadavg").split(' ').next().and_then(|load| load.parse::<f64>().ok()),
    })
}
