//! Values that have a form of their own.

use crate::directives::output_limits::OutputLimits;

/// `client-output-buffer-limit`: classes that are not named have their defaults.
pub(super) fn output_limits(limits: &str) -> Result<String, String> {
    OutputLimits::parse(limits).map(|l| l.text())
}

/// `notify-keyspace-events`: letters for kinds of events, in the order in which Redis shows them.
pub(super) fn event_classes(letters: &str) -> Result<String, String> {
    const ALL: &str = "g$lshzxetd";
    const OTHERS: &str = "nKEm";
    let has = |letter: char| letters.contains(letter) || (letters.contains('A') && ALL.contains(letter));
    if letters.chars().any(|letter| letter != 'A' && !ALL.contains(letter) && !OTHERS.contains(letter)) {
        return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into());
    }
    // A stands for all of the first, and hides `n`, which is none of them.
    let shown: String = ALL.chars().chain(['n']).filter(|&letter| has(letter)).collect();
    let classes = if ALL.chars().all(has) { "A".to_owned() } else { shown };
    Ok(OTHERS[1..]
        .chars()
        .filter(|&letter| has(letter))
        .fold(classes, |text, letter| text + letter.encode_utf8(&mut [0; 4])))
}

/// `unixsocketperm`.
pub(super) fn unix_mode(mode: &str) -> Result<String, String> {
    match u32::from_str_radix(mode, 8) {
        Ok(0..=0o777) => Ok(mode.to_owned()),
        Ok(_) => Err("argument must be between 0 and 777 inclusive".into()),
        Err(_) => Err("argument couldn't be parsed as an octal number".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::event_classes;

    #[test]
    fn event_classes_are_shown_as_redis_shows_them() {
        for (set, shown) in
            [("", ""), ("mnKEA", "AKEm"), ("nmdtexzhsl$gEK", "AKEm"), ("mdtKn", "tdnKm"), ("An", "A"), ("Kn$K", "$nK")]
        {
            assert_eq!(event_classes(set).as_deref(), Ok(shown));
        }
        let refused = event_classes("Kq");
        assert_eq!(refused, Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()));
    }
}
