//! Metrics of runs as one table for other programs: a row for each run and step, a column for each metric.

use std::collections::BTreeSet;
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
    /// The metrics of runs, in their order.
    pub fn of(dirs: &[PathBuf]) -> Metrics {
        let all = || {
            dirs.iter().flat_map(|dir| {
                let name = dir.display().to_string();
                rows::read(&dir.join(METRICS)).map(move |(step, row)| (name.clone(), step, row))
            })
        };
        let names: BTreeSet<String> = all().flat_map(|(.., row)| row.into_iter().map(|(name, _)| name)).collect();
        let names: Vec<String> = names.into_iter().filter(|name| name != "step").collect();
        let value = |row: &serde_json::Map<_, serde_json::Value>, name: &String| row.get(name)?.as_f64();
        let rows = all().map(|(run, step, row)| (run, step, names.iter().map(|name| value(&row, name)).collect()));
        Metrics { rows: rows.collect(), names }
    }

    /// Writes it as comma-separated values; a metric that a row lacks is empty there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn csv(&self, out: impl Write) -> Result<(), Box<dyn Error>> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(["run", "step"].into_iter().chain(self.names.iter().map(String::as_str)))?;
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
        let metrics =
            self.names.iter().map(|name| column(name, Physical::DOUBLE).with_repetition(Repetition::OPTIONAL));
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
}
