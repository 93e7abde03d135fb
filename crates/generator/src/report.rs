//! The contracts: a plan as JSON, and the steps that lead from a base image to the installed project.

use serde_json::{Value, json};

use crate::plan::{Because, Lock, Plan, Reason};
use crate::render::{lock_lines, project_install_line};

/// The plan as the JSON object of `plan --format json`, schema 1. Fields may be added, never renamed.
pub fn plan_json(plan: &Plan) -> Value {
    let list = |items: &[Because<String>]| items.iter().map(|i| i.value.clone()).collect::<Vec<_>>();
    json!({
        "schema": 1,
        "repo": plan.repo,
        "source": {
            "kind": plan.source.kind, "location": plan.source.location, "commit": plan.source.commit,
            "committed": plan.source.committed, "upstream": plan.source.upstream,
        },
        "gpu": { "need": plan.gpu.need, "evidence": plan.gpu.evidence },
        "base_image": plan.base_image,
        "platform": plan.platform,
        "python": {
            "version": plan.python.version, "constraint": plan.python.constraint,
            "evidence": evidence(&plan.python.because), "because": lines(&plan.python.because),
        },
        "resolve_date": plan.resolve_date,
        "apt": plan.apt.iter().map(|i| json!({ "package": i.value, "because": lines(&i.because) })).collect::<Vec<_>>(),
        "steps": steps(plan),
        "requirements": plan.pip.requirements.iter()
            .map(|w| json!({ "requirement": w.spec, "because": lines(&w.because) })).collect::<Vec<_>>(),
        "constraints": plan.pip.constraints.iter()
            .map(|w| json!({ "requirement": w.spec, "because": lines(&w.because) })).collect::<Vec<_>>(),
        "env": plan.env.iter().map(|(k, v)| (k.clone(), Value::from(v.value.clone()))).collect::<serde_json::Map<_, _>>(),
        "run_flags": list(&plan.run_flags),
        "main": plan.main.as_ref().map(|main| json!({
            "command": main.command.line, "setup": main.command.setup, "env": main.command.env,
            "workdir": plan.workdir(), "kind": main.kind, "evidence": main.evidence,
            "because": main.because, "changes": main.changes, "snippet": main.snippet,
        })),
        "alternatives": plan.alternatives.iter().map(|c| json!({
            "command": c.command.line, "kind": c.kind, "score": (c.score * 100.0).round() / 100.0,
            "because": c.because.join("; "),
        })).collect::<Vec<_>>(),
        "weights": plan.weights.iter().map(|w| json!({ "from": w.from, "what": w.what, "bytes": w.bytes, "gated": w.gated })).collect::<Vec<_>>(),
        "notes": plan.notes,
        "warnings": plan.warnings,
        "lock": plan.lock.as_ref().map(lock_json),
    })
}

fn lock_json(lock: &Lock) -> Value {
    json!({ "requirements": lock.requirements, "date": lock.date, "verified": lock.verified })
}

/// What is done on top of the base image, as shell lines.
pub fn steps(plan: &Plan) -> Vec<String> {
    let mut steps = Vec::new();
    if !plan.apt.is_empty() {
        let packages: Vec<&str> = plan.apt.iter().map(|i| i.value.as_str()).collect();
        steps.push(format!("apt-get install -y --no-install-recommends {}", packages.join(" ")));
    }
    if plan.lock.is_some() {
        steps.push("pip install -r requirements.lock".to_owned());
    } else {
        let requirements = lock_lines(plan);
        if !requirements.is_empty() {
            let quoted: Vec<String> = requirements.iter().map(|r| repro_dockerfile::shell_quote(r)).collect();
            steps.push(format!("pip install {}", quoted.join(" ")));
        }
    }
    steps.extend(plan.commands.iter().chain(&plan.patches).map(|i| i.value.clone()));
    for direct in &plan.pip.direct {
        let flag = if direct.editable { "-e " } else { "" };
        steps.push(format!("pip install --no-deps {flag}{}", direct.target));
    }
    steps.extend(project_install_line(plan, "."));
    steps
}

fn lines(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(|r| r.pitfall.clone().unwrap_or_else(|| r.line())).collect()
}

fn evidence(reasons: &[Reason]) -> Vec<Value> {
    reasons.iter().filter_map(|r| r.evidence.as_ref()).map(|e| json!(e)).collect()
}
