//! What the report says about the machine, from `/proc` where there is one.

use std::env::consts;
use std::fs;
use std::thread;

use crate::lab;
use crate::results::Machine;

/// The machine that this program runs on; what cannot be found out is said to be unknown, or 0.
pub(super) fn detect() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    Machine {
        cpu: cpu_name(&read("/proc/cpuinfo")).unwrap_or_else(|| format!("unknown ({})", consts::ARCH)),
        cores: thread::available_parallelism().map_or(1, usize::from),
        memory_bytes: memory_bytes(&read("/proc/meminfo")).unwrap_or(0),
        os: kernel(&read("/proc/sys/kernel/osrelease")),
        rustc: env!("BENCHES_RUSTC").to_owned(),
        timer_ns: lab::timer_ns(),
        timer_step_ns: Some(lab::timer_step_ns()),
    }
}

/// The processor's name in the text of `/proc/cpuinfo`. Architectures give it different keys, some none.
fn cpu_name(cpuinfo: &str) -> Option<String> {
    ["model name", "Model", "cpu model", "uarch", "Processor"].iter().find_map(|key| {
        let value = cpuinfo.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == *key).then(|| value.trim())
        })?;
        (!value.is_empty()).then(|| value.split_whitespace().collect::<Vec<_>>().join(" "))
    })
}

/// All memory, in the text of `/proc/meminfo`.
fn memory_bytes(meminfo: &str) -> Option<u64> {
    let rest = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

fn kernel(osrelease: &str) -> String {
    [consts::OS, osrelease.trim(), consts::ARCH]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named_whatever_the_key() {
        assert_eq!(
            cpu_name("processor\t: 0\nmodel name\t: A  Fast   CPU\n\nmodel name : B").as_deref(),
            Some("A Fast CPU")
        );
        assert_eq!(cpu_name("Hardware : x\nModel : Board 4").as_deref(), Some("Board 4"));
        assert_eq!(cpu_name("model name :"), None);
        assert_eq!(cpu_name(""), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        assert_eq!(memory_bytes("MemTotal:       16 kB\nMemFree: 1 kB"), Some(16 << 10));
        assert_eq!(memory_bytes("MemTotal: lots"), None);
        assert_eq!(memory_bytes(&format!("MemTotal: {} kB", u64::MAX)), None);
    }

    #[test]
    fn without_a_release_the_system_is_named_by_what_is_known() {
        assert_eq!(kernel(""), format!("{} {}", consts::OS, consts::ARCH));
        assert_eq!(kernel("6.1\n"), format!("{} 6.1 {}", consts::OS, consts::ARCH));
    }

    #[test]
    fn a_machine_is_found_on_any_system() {
        let machine = detect();
        assert!(machine.cores >= 1 && !machine.cpu.is_empty() && machine.rustc.starts_with("rustc"), "{machine:?}");
    }
}
