//! A comparison as JUnit XML (the Jenkins schema): one suite per device, one case per comparison. What is not known is an
//! error and never a skipped or a passed test.

use std::fmt::Write;

use anyhow::Result;

use super::text::{change, name};
use super::xml;
use crate::verdict::{Finding, Report};

pub fn write(report: &Report) -> Result<String> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let counts = |of: &dyn Fn(&crate::verdict::Comparison) -> bool| {
        let all = report.comparisons.iter().filter(|c| of(c));
        let by = |f| all.clone().filter(|c| c.finding == f).count();
        let (tests, failures, errors) = (all.clone().count(), by(Finding::Regression), by(Finding::Unknown));
        format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"")
    };
    writeln!(out, "<testsuites name=\"bitsmith compare\" {}>", counts(&|_| true))?;
    let mut targets: Vec<&str> = report.comparisons.iter().map(|c| c.key.target.as_str()).collect();
    targets.sort_unstable();
    targets.dedup();
    for target in targets {
        writeln!(out, "  <testsuite name=\"{}\" {}>", xml(target), counts(&|c| c.key.target == target))?;
        for c in report.comparisons.iter().filter(|c| c.key.target == target) {
            write!(out, "    <testcase classname=\"{}\" name=\"{}\"", xml(target), xml(&name(c)))?;
            let tag = match c.finding {
                Finding::Regression => "failure",
                Finding::Unknown => "error",
                Finding::Better | Finding::Same => {
                    writeln!(out, "/>")?;
                    continue;
                }
            };
            let (what, why) = (xml(&change(c)), xml(&c.why));
            writeln!(out, "><{tag} message=\"{what}\">{why}</{tag}></testcase>")?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")?;
    Ok(out)
}
