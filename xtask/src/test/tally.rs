//! Counting test cases.

use serde::Deserialize;

/// What ran, and what of it failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    /// Marked `#[ignore]` or skipped; said aloud, for it proves nothing.
    pub ignored: usize,
    /// The names of what failed.
    pub failures: Vec<String>,
}

impl Tally {
    /// A check that went well.
    pub fn one_success() -> Self {
        Self {
            passed: 1,
            ..Self::default()
        }
    }

    /// A check that did not.
    pub fn one_failure(name: &str) -> Self {
        Self {
            failed: 1,
            failures: vec![name.to_owned()],
            ..Self::default()
        }
    }

    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.failures.extend(other.failures);
    }

    pub fn words(&self) -> String {
        let mut words = format!("{} passed, {} failed", self.passed, self.failed);
        if self.ignored > 0 {
            words = format!("{words}, {} ignored", self.ignored);
        }
        words
    }

    /// Reads what test binaries of Rust print, one or several. `None` when there
    /// is no result: the binary did not get to its end.
    pub fn from_libtest(output: &str) -> Option<Self> {
        let mut tally = Self::default();
        let mut results = 0_usize;
        for line in output.lines() {
            if let Some(name) = failed_case(line) {
                tally.failures.push(name.to_owned());
            }
            let Some((_, counts)) = line
                .strip_prefix("test result: ")
                .and_then(|rest| rest.split_once(". "))
            else {
                continue;
            };
            results += 1;
            for count in counts.split("; ") {
                let mut words = count.split(' ');
                let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
                match words.next() {
                    Some("passed") => tally.passed += number,
                    Some("failed") => tally.failed += number,
                    Some("ignored") => tally.ignored += number,
                    _ => {}
                }
            }
        }
        (results > 0).then_some(tally)
    }

    /// Reads the report of vitest's reporter `json`.
    pub fn from_vitest(report: &str) -> Option<Self> {
        let report: VitestReport = serde_json::from_str(report).ok()?;
        let mut tally = Self {
            passed: report.passed,
            failed: report.failed,
            ignored: report.pending,
            failures: Vec::new(),
        };
        for file in &report.files {
            for case in file.cases.iter().filter(|case| case.status == "failed") {
                tally.failures.push(case.full_name.clone());
            }
            // A file that does not even load has no failed case in it.
            let lost =
                file.status == "failed" && file.cases.iter().all(|case| case.status != "failed");
            if lost {
                tally.failed += 1;
                tally.failures.push(file.name.clone());
            }
        }
        Some(tally)
    }
}

/// The name in "test some::name ... FAILED".
fn failed_case(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[derive(Deserialize)]
struct VitestReport {
    #[serde(rename = "numPassedTests")]
    passed: usize,
    #[serde(rename = "numFailedTests")]
    failed: usize,
    #[serde(rename = "numPendingTests")]
    pending: usize,
    #[serde(rename = "testResults")]
    files: Vec<VitestFile>,
}

#[derive(Deserialize)]
struct VitestFile {
    name: String,
    status: String,
    #[serde(rename = "assertionResults")]
    cases: Vec<VitestCase>,
}

#[derive(Deserialize)]
struct VitestCase {
    #[serde(rename = "fullName")]
    full_name: String,
    status: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_binaries_are_summed() {
        let output = "running 2 tests\n\
             test a::b ... ok\n\
             test a::c ... FAILED\n\
             \n\
             test result: FAILED. 1 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        let tally = Tally::from_libtest(output).expect("there are results");
        assert_eq!((tally.passed, tally.failed, tally.ignored), (5, 1, 3));
        assert_eq!(tally.failures, ["a::c"]);
        assert_eq!(tally.words(), "5 passed, 1 failed, 3 ignored");
    }

    #[test]
    fn a_binary_that_did_not_end_has_no_result() {
        assert_eq!(
            Tally::from_libtest("running 2 tests\ntest a ... ok\n"),
            None
        );
    }

    #[test]
    fn a_file_that_does_not_load_is_a_failure() {
        let report = r#"{"numPassedTests":2,"numFailedTests":1,"numPendingTests":0,"testResults":[
            {"name":"a.test.ts","status":"failed","assertionResults":[
                {"fullName":"adds","status":"passed"},{"fullName":"takes","status":"failed"}]},
            {"name":"b.test.ts","status":"failed","assertionResults":[]},
            {"name":"c.test.ts","status":"passed","assertionResults":[
                {"fullName":"goes","status":"passed"}]}]}"#;
        let tally = Tally::from_vitest(report).expect("it is a report");
        assert_eq!((tally.passed, tally.failed), (2, 2));
        assert_eq!(tally.failures, ["takes", "b.test.ts"]);
    }
}
