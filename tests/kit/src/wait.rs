//! Waiting on a condition, with a deadline.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The first pause between two looks at the condition; it doubles up to
/// [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Half of a tenth of a second: too short for a person to notice, long enough
/// that a waiting process takes no processor time worth naming.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Looks at `condition` until it gives a value, and returns that value.
///
/// `what` completes the sentence "… did not happen within N s" and is read by a
/// person: name the thing and its place, for example "PostgreSQL in /x is ready".
///
/// # Errors
/// The condition's own error at once, or an error naming `what` after `bound`.
pub fn until<T>(
    what: &str,
    bound: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if begun.elapsed() >= bound {
            bail!(
                "waited {:.1} s, and this did not happen: {what}",
                bound.as_secs_f64()
            );
        }
        let left = bound.saturating_sub(begun.elapsed());
        rest(pause.min(left.max(FIRST_PAUSE)));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Like [`until`] for a condition that is only true or false.
///
/// # Errors
/// See [`until`].
pub fn until_true(what: &str, bound: Duration, mut condition: impl FnMut() -> bool) -> Result<()> {
    until(what, bound, || Ok(condition().then_some(())))
}

/// The one place of the workspace where a thread sleeps: between two looks at a
/// condition of another process, which has no way to wake this one.
#[expect(
    clippy::disallowed_methods,
    reason = "the pause between two looks at a condition; everything else waits through `until`"
)]
fn rest(pause: Duration) {
    std::thread::sleep(pause);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_the_wait() {
        let mut looks = 0;
        let value = until("three looks", Duration::from_secs(5), || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        })
        .expect("the condition gives a value at the third look");
        assert_eq!(value, 3);
    }

    #[test]
    fn the_deadline_names_what_did_not_happen() {
        let error = until_true("pigs fly", Duration::from_millis(20), || false)
            .expect_err("the condition never holds");
        assert!(error.to_string().contains("pigs fly"), "{error}");
    }

    #[test]
    fn an_error_of_the_condition_ends_the_wait_at_once() {
        let error = until::<()>("anything", Duration::from_mins(1), || bail!("broken"))
            .expect_err("the condition fails");
        assert_eq!(error.to_string(), "broken");
    }
}
