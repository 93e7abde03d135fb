//! How loading, asking and diagnosing grow with the number of notes: `cargo bench -p repro-knowledge`.
//!
//! The notes are synthetic, each with two pitfalls that have patterns of their own, and are compiled in as the real ones
//! are: their headers are known before any text is read.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to say")]

use std::borrow::Cow;
use std::fmt::Write as _;

use divan::Bencher;
use repro_core::header::{Pattern, Texts};
use repro_core::{Context, Header, KnowledgeBase, Query};

const SIZES: [usize; 3] = [200, 2_000, 20_000];

fn main() {
    divan::main();
}

/// Note number `n`.
fn note(n: usize) -> String {
    format!(
        "# lib{n}\n\nIt computes.\n\n```toml library\npackages = [\"lib{n}\"]\nimports = [\"mod{n}\"]\nchecked = 2026-11-21\n```\n\n\
         ## `shared-missing`: libneeded{n} is not found\n\nThe wheel is linked against libneeded{n}, as \
         [its page](https://example.org/{n}) says.\nIt reads:\n\n```text log source=https://example.org/{n}\nImportError: \
         libneeded{n}.so.1: cannot open shared object file\n```\n\nThe fix:\n\n```toml pitfall\nkind = \"both\"\naffects = \
         \">=1.{n}\"\nlog = ['libneeded{n}\\.so\\.\\d+: cannot open shared object']\n\n[[fix]]\napt = \"libneeded{n}\"\n```\n\n\
         ## `name-gone`: a function is gone\n\nRelease 2 removed it, as [its page](https://example.org/{n}) says.\nIt \
         reads:\n\n```text log source=https://example.org/{n}\nAttributeError: module 'mod{n}' has no attribute \
         'old'\n```\n\nThe fix:\n\n```toml pitfall\nkind = \"curative\"\nlog = [\"module 'mod{n}' has no attribute \
         '(?:old|older)'\"]\n\n[[fix]]\npip_pin = \"lib{n}<2\"\n```\n"
    )
}

/// Notes as the build script leaves them: texts and headers that live as long as the program.
struct Compiled {
    texts: Vec<(&'static str, &'static str)>,
    headers: Vec<Header>,
}

fn compiled(size: usize) -> Compiled {
    let texts: Vec<(&'static str, &'static str)> =
        (0..size).map(|n| (leaked(format!("libraries/lib{n}.md")), leaked(note(n)))).collect();
    let (base, findings) = KnowledgeBase::from_texts(texts.iter().copied());
    assert!(findings.is_empty(), "{findings:?}");
    let headers = base.notes().map(|note| fixed(&Header::of(note))).collect();
    Compiled { texts, headers }
}

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// The header as a `static` has it.
fn fixed(header: &Header) -> Header {
    let one = |text: &Cow<'static, str>| Cow::Borrowed(leaked(text.to_string()));
    let all = |texts: &Texts| -> Texts { Cow::Borrowed(Vec::leak(texts.iter().map(one).collect())) };
    let patterns = header.patterns.iter().map(|pattern| Pattern {
        literals: Cow::Borrowed(Vec::leak(pattern.literals.iter().map(all).collect())),
        ..pattern.clone()
    });
    Header {
        path: one(&header.path),
        packages: all(&header.packages),
        imports: all(&header.imports),
        awaited: all(&header.awaited),
        patterns: Cow::Borrowed(Vec::leak(patterns.collect())),
        ..header.clone()
    }
}

/// A build of 5,000 lines that ends with what one of the notes knows.
fn log() -> String {
    let mut log = String::new();
    for line in 0..5_000 {
        let _ = writeln!(log, "#9 {line}.0 Collecting package-{line} (from -r requirements.txt (line {line}))");
    }
    log.push_str("ImportError: libneeded77.so.1: cannot open shared object file: No such file or directory\n");
    log
}

/// What the build script does: every note read and checked for its form.
#[divan::bench(args = SIZES, sample_count = 5)]
fn read_all(bencher: Bencher<'_, '_>, size: usize) {
    let compiled = compiled(size);
    bencher.bench_local(|| KnowledgeBase::from_texts(compiled.texts.iter().copied()));
}

/// What a program does that asks for one note.
#[divan::bench(args = SIZES, sample_count = 20)]
fn load_and_ask_for_one(bencher: Bencher<'_, '_>, size: usize) {
    let compiled = compiled(size);
    bencher.bench_local(|| {
        let base = KnowledgeBase::from_checked(&compiled.headers, &compiled.texts);
        let found = base.by_distribution("lib77").len();
        assert_eq!(found, 1);
        base
    });
}

/// One more question to a base that is loaded.
#[divan::bench(args = SIZES)]
fn query_by_package(bencher: Bencher<'_, '_>, size: usize) {
    let compiled = compiled(size);
    let base = KnowledgeBase::from_checked(&compiled.headers, &compiled.texts);
    let query = Query { package: Some("lib77".to_owned()), version: Some("2.0".to_owned()), ..Query::default() };
    bencher.bench_local(|| base.query(&query).len());
}

/// A diagnosis by a program that has just started: the index of all patterns is made for it.
#[divan::bench(args = SIZES, sample_count = 10)]
fn first_diagnosis(bencher: Bencher<'_, '_>, size: usize) {
    let compiled = compiled(size);
    let log = log();
    bencher.bench_local(|| {
        let base = KnowledgeBase::from_checked(&compiled.headers, &compiled.texts);
        assert_eq!(base.diagnose(&log, &Context::default()).len(), 1);
        base
    });
}

/// Every later one.
#[divan::bench(args = SIZES, sample_count = 20)]
fn next_diagnosis(bencher: Bencher<'_, '_>, size: usize) {
    let compiled = compiled(size);
    let log = log();
    let base = KnowledgeBase::from_checked(&compiled.headers, &compiled.texts);
    let first = base.diagnose(&log, &Context::default()).into_iter().next().expect("a diagnosis");
    assert_eq!(first.pitfall, "lib77/shared-missing");
    bencher.bench_local(|| base.diagnose(&log, &Context::default()).len());
}
