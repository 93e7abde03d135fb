//! Small plans for the tests of this crate.

use std::collections::BTreeMap;

use repro_inspect::{Command, Evidence, Gpu, Kind};

use crate::plan::{Main, Pip, Plan, Python, Reason, Source, SourceKind, Wanted};

/// A plan for a repository of one script that needs `eye` and `numbers`.
pub(crate) fn plan() -> Plan {
    let evidence = Evidence::new("requirements.txt", 1, "eye==1");
    let wanted = |name: &str, spec: &str| Wanted {
        name: name.to_owned(),
        spec: spec.to_owned(),
        because: vec![Reason::seen("declared", &evidence)],
    };
    Plan {
        repo: "user/repo".to_owned(),
        source: Source {
            kind: SourceKind::Git,
            location: "https://mirror.example/user/repo".to_owned(),
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            committed: "2023-05-01".to_owned(),
            upstream: "https://mirror.example/user/repo".to_owned(),
            sdist: None,
            submodules: Vec::new(),
            lfs: false,
        },
        gpu: Gpu::default(),
        base_image: "python:3.10-slim-bookworm".to_owned(),
        base_chosen: false,
        platform: "linux/amd64".to_owned(),
        python: Python { version: "3.10".to_owned(), ..Python::default() },
        resolve_date: Some("2023-05-01".to_owned()),
        apt: Vec::new(),
        pip: Pip { requirements: vec![wanted("eye", "eye==1"), wanted("numbers", "numbers")], ..Pip::default() },
        project: None,
        env: BTreeMap::new(),
        run_flags: Vec::new(),
        commands: Vec::new(),
        patches: Vec::new(),
        orders: Vec::new(),
        main: Some(Main {
            command: Command { line: "python demo.py".to_owned(), ..Command::default() },
            kind: Kind::Script,
            snippet: None,
            because: vec!["the README says so".to_owned()],
            changes: Vec::new(),
            evidence: vec![Evidence::new("README.md", 12, "python demo.py")],
            questions: Vec::new(),
            expect: Vec::new(),
        }),
        alternatives: Vec::new(),
        weights: Vec::new(),
        notes: Vec::new(),
        warnings: Vec::new(),
        lock: None,
    }
}
