//! What a process uses, as the kernel counts it.

use std::fs::read_to_string;

/// Clock ticks a second in the kernel's files on Linux, whatever the machine.
const TICKS: f64 = 100.0;

/// Memory of a process now and at most, in MiB, and the processor time that it has used, in seconds; of this process
/// without a number. Nothing where the kernel does not say.
pub fn usage(pid: Option<u32>) -> Vec<(String, f64)> {
    let folder = pid.map_or("/proc/self".to_owned(), |pid| format!("/proc/{pid}"));
    let status = read_to_string(format!("{folder}/status")).unwrap_or_default();
    let kib = |line: &str| line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
    let memory = |label: &str| Some(status.lines().find_map(|line| kib(line.strip_prefix(label)?))? / 1024.0);
    let stat = read_to_string(format!("{folder}/stat")).unwrap_or_default();
    // The name before may hold anything; the time in user mode is the twelfth field behind it, the system's the next.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    let found = [
        ("rss_mib", memory("VmRSS:")),
        ("peak_rss_mib", memory("VmHWM:")),
        ("cpu_seconds", ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / TICKS)),
    ];
    found.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
