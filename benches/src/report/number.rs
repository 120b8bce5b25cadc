//! How numbers are written: three significant digits, thousands apart.

/// Three significant digits, and no fewer than the whole part has: `0.812`, `8.12`, `81.2`, `8,120`.
pub(super) fn plain(value: f64) -> String {
    if !value.is_finite() {
        return "—".to_owned();
    }
    match value.abs() {
        // The bounds are those at which rounding would add a digit.
        0.0 => "0".to_owned(),
        v if v < 0.9995 => format!("{value:.3}"),
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => thousands(&format!("{value:.0}")),
    }
}

/// A whole number, thousands apart.
pub(super) fn whole(value: u64) -> String {
    thousands(&value.to_string())
}

/// A share between 0 and 1 in percent, without the sign.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

/// A ratio: `1.05×`.
pub(super) fn times(ratio: f64) -> String {
    match ratio {
        0.0 => "0×".to_owned(),
        r if r < 0.001 => "<0.001×".to_owned(),
        r if r < 0.095 => format!("{r:.3}×"),
        r if r < 0.9995 => format!("{r:.2}×"),
        _ => format!("{}×", plain(ratio)),
    }
}

/// A number of bytes in the largest binary unit: `64 MiB`, `1.5 KiB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let unit = (bytes.checked_ilog2().unwrap_or(0) / 10).min(5);
    let value = bytes as f64 / 2f64.powi(10 * unit as i32);
    let digits = if value.fract() == 0.0 { 0 } else { 1 };
    format!("{value:.digits$} {}", UNITS[unit as usize])
}

fn thousands(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| core::str::from_utf8(group).ok()).collect();
    format!("{sign}{}", groups.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_say_enough() {
        let written = [0.0, 0.0812, 0.99951, 8.123, 9.996, 81.23, 99.96, 812.3, 8120.4, 1234567.0].map(plain);
        assert_eq!(
            written,
            ["0", "0.081", "1.00", "8.12", "10.0", "81.2", "100", "812", "8,120", "1,234,567"].map(str::to_owned)
        );
        assert_eq!(plain(f64::INFINITY), "—");
        assert_eq!(plain(-1234.0), "-1,234");
    }

    #[test]
    fn bytes_take_the_largest_unit() {
        let written = [0, 1, 1023, 1024, 1536, 256 << 20, 1 << 40].map(bytes);
        assert_eq!(written, ["0 B", "1 B", "1023 B", "1 KiB", "1.5 KiB", "256 MiB", "1 TiB"].map(str::to_owned));
        assert_eq!(bytes(u64::MAX), "16384 PiB");
    }

    #[test]
    fn shares_and_ratios_have_fixed_forms() {
        assert_eq!([0.0, 1e-6, 0.012].map(times), ["0×", "<0.001×", "0.012×"].map(str::to_owned));
        assert_eq!(
            (percent(0.9315), times(1.0), times(0.333), times(12.34)),
            ("93.2".to_owned(), "1.00×".to_owned(), "0.33×".to_owned(), "12.3×".to_owned())
        );
    }
}
