//! Metrics of runs as one table for other programs: a row for each run and step, a column for each metric.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::recorder::METRICS;
use crate::rows;

/// The table.
#[derive(Debug, Default, PartialEq)]
pub struct Metrics {
    /// The names of the metrics, sorted.
    names: Vec<String>,
    /// The run, the step, and a value for each name, in this order.
    rows: Vec<(String, u64, Vec<Option<f64>>)>,
}

impl Metrics {
    /// The metrics of runs, in their order. What was written of one step is one row; only a metric that is there already, as of
    /// a program that counts its steps anew, makes it two.
    pub fn of(dirs: &[PathBuf]) -> Metrics {
        let all = || {
            let rows = |(number, dir): (usize, &PathBuf)| {
                rows::read(&dir.join(METRICS)).map(move |(step, row)| (number, step, row))
            };
            dirs.iter().enumerate().flat_map(rows)
        };
        let names: BTreeSet<String> = all().flat_map(|(.., row)| row.into_iter().map(|(name, _)| name)).collect();
        let names: Vec<String> = names.into_iter().filter(|name| name != "step").collect();
        let mut rows: Vec<(String, u64, Vec<Option<f64>>)> = Vec::new();
        let mut places = HashMap::new();
        for (run, step, row) in all() {
            let values: Vec<Option<f64>> = names.iter().map(|name| row.get(name)?.as_f64()).collect();
            let taken = |at: usize| rows[at].2.iter().zip(&values).any(|(old, new)| old.is_some() && new.is_some());
            match places.get(&(run, step)).copied().filter(|&at| !taken(at)) {
                Some(at) => rows[at].2.iter_mut().zip(values).for_each(|(old, new)| *old = old.or(new)),
                None => {
                    places.insert((run, step), rows.len());
                    rows.push((dirs[run].display().to_string(), step, values));
                }
            }
        }
        Metrics { rows, names }
    }

    /// Whether no run has a row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The names of the columns of metrics: their own, but for one that has the name of the first column.
    fn columns(&self) -> impl Iterator<Item = String> {
        let mut run = "metric/run".to_owned();
        while self.names.contains(&run) {
            run.insert_str(0, "metric/");
        }
        self.names.iter().map(move |name| if name == "run" { run.clone() } else { name.clone() })
    }

    /// Writes it as comma-separated values; a metric that a row lacks is empty there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn csv(&self, out: impl Write) -> Result<(), Box<dyn Error>> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(["run", "step"].map(str::to_owned).into_iter().chain(self.columns()))?;
        for (run, step, values) in &self.rows {
            let values = values.iter().map(|value| value.map(|value| value.to_string()).unwrap_or_default());
            writer.write_record([run.clone(), step.to_string()].into_iter().chain(values))?;
        }
        Ok(writer.flush()?)
    }

    /// Writes it as parquet; a metric that a row lacks is null there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn parquet(&self, out: impl Write + Send) -> Result<(), Box<dyn Error>> {
        let column = Type::primitive_type_builder;
        let run = column("run", Physical::BYTE_ARRAY).with_logical_type(Some(LogicalType::String));
        let run = run.with_repetition(Repetition::REQUIRED);
        let step = column("step", Physical::INT64).with_repetition(Repetition::REQUIRED);
        let names: Vec<String> = self.columns().collect();
        let metrics = names.iter().map(|name| column(name, Physical::DOUBLE).with_repetition(Repetition::OPTIONAL));
        let fields = [run, step].into_iter().chain(metrics).map(|column| column.build().map(Arc::new));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::new(Type::group_type_builder("metrics").with_fields(fields).build()?);
        let mut file = SerializedFileWriter::new(out, schema, Arc::new(WriterProperties::default()))?;
        let mut group = file.next_row_group()?;
        let mut at = 0_usize;
        while let Some(mut column) = group.next_column()? {
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(writer) => {
                    let runs: Vec<ByteArray> = self.rows.iter().map(|(run, ..)| run.as_str().into()).collect();
                    writer.write_batch(&runs, None, None)?;
                }
                ColumnWriter::Int64ColumnWriter(writer) => {
                    let steps: Vec<i64> = self.rows.iter().map(|(_, step, _)| *step as i64).collect();
                    writer.write_batch(&steps, None, None)?;
                }
                ColumnWriter::DoubleColumnWriter(writer) => {
                    // The first two columns are no metrics.
                    let values = || self.rows.iter().map(|(.., values)| values[at - 2]);
                    let there: Vec<i16> = values().map(|value| i16::from(value.is_some())).collect();
                    writer.write_batch(&values().flatten().collect::<Vec<f64>>(), Some(&there), None)?;
                }
                _ => return Err("a column of another kind".into()),
            }
            column.close()?;
            at += 1;
        }
        group.close()?;
        file.close()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::*;

    #[test]
    fn both_formats_hold_every_value_and_no_other() {
        let root = tempfile::tempdir().unwrap();
        let dirs = ["a,b", "c"].map(|name| root.path().join(name));
        let texts = ["{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"fd/x\":3}\n", "{\"step\":1,\"loss\":1e-7}\n"];
        for (dir, text) in dirs.iter().zip(texts) {
            std::fs::create_dir(dir).unwrap();
            std::fs::write(dir.join(METRICS), text).unwrap();
        }
        let metrics = Metrics::of(&dirs);
        let mut csv = Vec::new();
        metrics.csv(&mut csv).unwrap();
        let name = |at: usize| dirs[at].display().to_string();
        let wanted = format!("run,step,fd/x,loss\n\"{0}\",1,,0.5\n\"{0}\",2,3,\n{1},1,,0.0000001\n", name(0), name(1));
        assert_eq!(String::from_utf8(csv).unwrap(), wanted);
        let mut parquet = Vec::new();
        metrics.parquet(&mut parquet).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(parquet)).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        let read = |row: &parquet::record::Row| {
            let number = |at: usize| row.get_double(at).ok();
            (row.get_string(0).unwrap().clone(), row.get_long(1).unwrap(), number(2), number(3))
        };
        let expected = [(name(0), 1, None, Some(0.5)), (name(0), 2, Some(3.0), None), (name(1), 1, None, Some(1e-7))];
        assert_eq!(rows.iter().map(read).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_step_is_one_row_and_a_name_one_column() {
        let dir = tempfile::tempdir().unwrap();
        let rows = [
            "{\"step\":1,\"loss\":0.5}",
            "{\"step\":1,\"run\":7}",
            "{\"step\":2,\"loss\":0.25}",
            "{\"step\":1,\"metric/run\":8}",
            "{\"step\":1,\"loss\":0.75}",
        ];
        std::fs::write(dir.path().join(METRICS), rows.map(|row| format!("{row}\n")).concat()).unwrap();
        let metrics = Metrics::of(&[dir.path().to_owned()]);
        let mut csv = Vec::new();
        metrics.csv(&mut csv).unwrap();
        let text = String::from_utf8(csv).unwrap().replace(&dir.path().display().to_string(), "DIR");
        let table = "run,step,loss,metric/run,metric/metric/run\nDIR,1,0.5,8,7\nDIR,2,0.25,,\nDIR,1,0.75,,\n";
        assert_eq!(text, table);
        let mut parquet = Vec::new();
        metrics.parquet(&mut parquet).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(parquet)).unwrap();
        let columns = reader.metadata().file_metadata().schema_descr().columns();
        let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
        assert_eq!(names.join(","), table.lines().next().unwrap());
    }
}
