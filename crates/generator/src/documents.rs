//! The README of `repositories/USER/REPO/`: what the image is, how to build and run it, what was tried, what was proved.

use std::fmt::Write as _;

use repro_core::Environment;

use crate::plan::{Plan, Reason, SourceKind};
use crate::planner::describe_gpu;
use crate::receipt::Receipt;
use crate::verdict::Server;
use crate::weights::Place;

/// The README's text. `receipt` is `None` where nothing was built yet.
pub fn readme(plan: &Plan, receipt: Option<&Receipt>) -> String {
    let mut out = String::new();
    let _ = write_readme(&mut out, plan, receipt);
    out
}

fn write_readme(out: &mut String, plan: &Plan, receipt: Option<&Receipt>) -> std::fmt::Result {
    writeln!(out, "# {}\n", plan.repo)?;
    let source = &plan.source;
    match source.kind {
        SourceKind::Pypi => writeln!(
            out,
            "Upstream: the sdist of `{}` {} on PyPI, uploaded {}.",
            source.location, source.commit, source.committed
        )?,
        _ if source.upstream.is_empty() => writeln!(out, "Upstream: a local folder, as of {}.", source.committed)?,
        _ => writeln!(out, "Upstream: <{}> at `{}` ({}).", source.upstream, source.commit, source.committed)?,
    }
    match receipt {
        Some(r) if r.success => writeln!(
            out,
            "\n**Reproduced**: level `{}`, proof `{}`{}.",
            r.level.as_deref().unwrap_or("built"),
            r.proof.as_deref().unwrap_or("none"),
            r.proved.as_ref().map(|d| format!(", {d}")).unwrap_or_default()
        )?,
        Some(r) => writeln!(
            out,
            "\n**Not reproduced**: {}.",
            one_line(r.reason.as_deref().unwrap_or("see the attempts below"))
        )?,
        None => writeln!(out, "\nNot built yet.")?,
    }

    writeln!(out, "\n## Build and run\n\nFrom the project's root:\n")?;
    match receipt {
        Some(r) => {
            writeln!(out, "```sh\n{}", r.build_command)?;
            for command in &r.run_commands {
                writeln!(out, "{command}")?;
            }
            writeln!(out, "```")?;
        }
        None => writeln!(out, "```sh\n{}\n{}\n```", build_command(plan, false), run_command(plan, None, None, &[]))?,
    }

    writeln!(out, "\n## Plan\n")?;
    writeln!(out, "- GPU: {}", code_safe(&describe_gpu(&plan.gpu)))?;
    writeln!(out, "- Base: `{}`", plan.base_image)?;
    for reason in &plan.python.because {
        writeln!(out, "- Python {}: {}", plan.python.version, code_safe(&reason.line()))?;
    }
    match &plan.resolve_date {
        Some(date) => writeln!(out, "- Releases as of {date}")?,
        None => writeln!(out, "- Releases of the day of the build")?,
    }
    items(out, "System package", plan.apt.iter().map(|i| (i.value.as_str(), i.because.as_slice())))?;
    items(out, "Requirement", plan.pip.requirements.iter().map(|w| (w.spec.as_str(), w.because.as_slice())))?;
    items(out, "Limit", plan.pip.constraints.iter().map(|w| (w.spec.as_str(), w.because.as_slice())))?;
    items(out, "Left out", plan.pip.removed.iter().map(|w| (w.spec.as_str(), w.because.as_slice())))?;
    items(out, "Variable", plan.env.iter().map(|(k, i)| (k.as_str(), i.because.as_slice())))?;
    if let Some(main) = &plan.main {
        writeln!(out, "\n## Main command\n\n```sh\n{}\n```\n", main.command.line.replace("```", "` ` `"))?;
        for line in &main.command.setup {
            writeln!(out, "- Before it: `{}`", one_line(line))?;
        }
        for reason in &main.because {
            writeln!(out, "- {}", code_safe(&one_line(reason)))?;
        }
        for change in &main.changes {
            writeln!(out, "- Changed: {}", code_safe(&one_line(change)))?;
        }
    }
    if let Some(receipt) = receipt {
        write_attempts(out, receipt)?;
        if !receipt.tries.is_empty() {
            writeln!(
                out,
                "\nThe furthest stage was `{}`. What a person could try:\n",
                receipt.furthest.as_deref().unwrap_or("none")
            )?;
        }
        for one in &receipt.tries {
            writeln!(out, "- {}", code_safe(&one_line(one)))?;
        }
        write_proof(out, receipt)?;
    }
    let caveats: Vec<&String> = plan.warnings.iter().chain(receipt.iter().flat_map(|r| &r.caveats)).collect();
    if !caveats.is_empty() {
        writeln!(out, "\n## Caveats\n")?;
        let mut said: Vec<&String> = Vec::new();
        for caveat in caveats {
            if !said.contains(&caveat) {
                writeln!(out, "- {}", code_safe(&one_line(caveat)))?;
                said.push(caveat);
            }
        }
    }
    Ok(())
}

fn items<'a>(out: &mut String, title: &str, items: impl Iterator<Item = (&'a str, &'a [Reason])>) -> std::fmt::Result {
    for (value, because) in items {
        let reasons: Vec<String> = because.iter().take(3).map(Reason::line).collect();
        writeln!(out, "- {title} `{}`: {}", one_line(value), code_safe(&one_line(&reasons.join("; "))))?;
    }
    Ok(())
}

fn write_attempts(out: &mut String, receipt: &Receipt) -> std::fmt::Result {
    writeln!(out, "\n## Attempts\n\n| # | stage | result | cause | change |\n| --- | --- | --- | --- | --- |")?;
    for attempt in &receipt.attempts {
        let cause = match (&attempt.diagnosis, &attempt.cause) {
            (Some(id), Some(cause)) => format!("{} (`{id}`)", one_line(cause)),
            (Some(id), None) => format!("`{id}`"),
            _ => String::new(),
        };
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            attempt.n,
            attempt.stage,
            if attempt.ok { "ok" } else { "failed" },
            cell(&cause),
            cell(&attempt.edits.join("; "))
        )?;
    }
    Ok(())
}

fn write_proof(out: &mut String, receipt: &Receipt) -> std::fmt::Result {
    writeln!(out, "\n## What was proved\n")?;
    if let Some(code) = receipt.evidence.exit_code {
        writeln!(out, "- exit code {code}")?;
    }
    for (name, framework) in &receipt.evidence.frameworks {
        writeln!(out, "- {name}: {}", framework.describe())?;
    }
    if let Some(server) = &receipt.evidence.server {
        writeln!(out, "- {}", code_safe(&one_line(&server.describe())))?;
    }
    for line in receipt.evidence.written().take(8) {
        writeln!(out, "- wrote {}", code_safe(&one_line(&line)))?;
    }
    if let Some(text) = &receipt.evidence.expected_output {
        writeln!(out, "- expected output seen: `{}`", one_line(text).replace('`', "'"))?;
    }
    if receipt.base.stand_in {
        writeln!(out, "- on a stand-in for `{}`, since no registry answered", receipt.base.image)?;
    }
    Ok(())
}

/// The command that builds the folder, from the project's root.
pub fn build_command(plan: &Plan, stand_in: bool) -> String {
    let argument =
        if stand_in { format!("--build-arg UPSTREAM={} ", crate::render::STAND_IN_UPSTREAM) } else { String::new() };
    format!("docker build {argument}-t {} repositories/{}", plan.tag(), plan.repo)
}

/// The command that runs the image. `environment`: what its base holds, where that is known; `server`: where it answers;
/// `weights`: what is mounted of a folder of weights.
pub fn run_command(
    plan: &Plan,
    environment: Option<&Environment>,
    server: Option<&Server>,
    weights: &[Place],
) -> String {
    let mut words: Vec<String> = ["docker", "run", "--rm"].map(str::to_owned).to_vec();
    words.extend(plan.run_flags.iter().map(|f| repro_dockerfile::shell_quote(&f.value)));
    if let Some((server, port)) = server.and_then(|server| Some((server, server.port?))) {
        words.extend(if server.loopback {
            ["--network".to_owned(), "host".to_owned()]
        } else {
            ["-p".to_owned(), format!("{port}:{port}")]
        });
    }
    for (name, target) in volumes(plan, environment) {
        words.extend(["-v".to_owned(), format!("{name}:{target}")]);
    }
    words.extend(weights.iter().flat_map(|place| ["-v".to_owned(), place.option()]));
    words.push(plan.tag());
    words.join(" ")
}

/// Named volumes of a run: a cache for what is fetched while the command runs. Weights are never in the image.
pub fn volumes(plan: &Plan, environment: Option<&Environment>) -> Vec<(String, String)> {
    let fetches = plan.weights.iter().any(|w| matches!(w.from.as_str(), "hf" | "url"));
    let name = plan.tag().split(':').next().unwrap_or_default().to_owned();
    if fetches {
        vec![(format!("{name}-cache"), format!("{}/.cache", crate::render::user(environment).1))]
    } else {
        Vec::new()
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Foreign text in Markdown prose must not open tags. Between backticks it opens none, and an entity would be shown as it
/// is written.
fn code_safe(text: &str) -> String {
    let is_balanced = text.matches('`').count().is_multiple_of(2);
    let parts = text.split('`').enumerate();
    let safe =
        parts.map(|(at, part)| if is_balanced && at % 2 == 1 { part.to_owned() } else { part.replace('<', "&lt;") });
    safe.collect::<Vec<_>>().join("`")
}

/// As [`code_safe`], in a table: a bar ends a cell even between backticks.
fn cell(text: &str) -> String {
    code_safe(&one_line(text)).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_opens_no_tag_and_stays_as_it_is_between_backticks() {
        let check = |text: &str, prose: &str, table: &str| {
            assert_eq!((code_safe(text).as_str(), cell(text).as_str()), (prose, table));
        };
        check("`<path>` by <b>", "`<path>` by &lt;b>", "`<path>` by &lt;b>");
        check("a ` <b>", "a ` &lt;b>", "a ` &lt;b>");
        check("`a|b` | c", "`a|b` | c", "`a\\|b` \\| c");
    }
}
