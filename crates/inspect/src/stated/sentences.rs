//! One line of prose in, statements about versions of Python, torch or CUDA out.
//!
//! Only what a reader could not understand otherwise is taken: a product's name with a version right behind it, and a
//! bound that is said in so many words. Negations, news and bare major versions say nothing.

/// What a sentence may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    Python,
    Torch,
    Cuda,
}

/// Major and minor version, with the patch where it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) patch: Option<u32>,
}

impl Version {
    fn full(self) -> String {
        match self.patch {
            Some(patch) => format!("{}.{}.{patch}", self.major, self.minor),
            None => format!("{}.{}", self.major, self.minor),
        }
    }

    fn minor(self) -> String {
        format!("{}.{}", self.major, self.minor)
    }

    /// The first minor version behind this one.
    fn next(self) -> String {
        format!("{}.{}", self.major, self.minor.saturating_add(1))
    }
}

/// A statement about a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    AtLeast(Version),
    Exactly(Version),
    /// Both ends included.
    Span(Version, Version),
    /// Operators as written, PEP 440.
    Bounds(Vec<(&'static str, Version)>),
}

impl Claim {
    /// As a set of PEP 440 specifiers; Python is told by its minor version, since images are chosen by it.
    pub(crate) fn specifier(&self, product: Product) -> String {
        let exact = |version: Version| match (product, version.patch) {
            (Product::Python, _) | (_, None) => format!("=={}.*", version.minor()),
            (_, Some(_)) => format!("=={}", version.full()),
        };
        match self {
            Self::AtLeast(version) if product == Product::Python => format!(">={}", version.minor()),
            Self::AtLeast(version) => format!(">={}", version.full()),
            Self::Exactly(version) => exact(*version),
            Self::Span(low, high) => format!(">={},<{}", low.minor(), high.next()),
            Self::Bounds(bounds) => bounds
                .iter()
                .map(|(operator, version)| match *operator {
                    "==" => exact(*version),
                    // `<=3.11` is meant to include 3.11.9.
                    "<=" if version.patch.is_none() || product == Product::Python => format!("<{}", version.next()),
                    ">" if product == Product::Python => format!(">={}", version.next()),
                    operator => format!("{operator}{}", version.full()),
                })
                .collect::<Vec<_>>()
                .join(","),
        }
    }

    /// As a plain version where it is one, else as a lower bound: what is said of CUDA.
    pub(crate) fn version(&self) -> String {
        match self {
            Self::Exactly(version) => version.minor(),
            Self::AtLeast(version) | Self::Span(version, _) => format!(">={}", version.minor()),
            Self::Bounds(bounds) => match bounds.first() {
                Some(("==", version)) => version.minor(),
                Some((operator @ (">=" | ">"), version)) => format!("{operator}{}", version.minor()),
                _ => String::new(),
            },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Operator(&'static str),
    /// The flag says that a `+` is attached.
    Version(Version, bool),
    Dash,
    Separator,
    Word(&'t str),
    Stop,
}

const OPERATORS: &[(&str, &str)] = &[
    (">=", ">="),
    ("≥", ">="),
    ("=>", ">="),
    ("&gt;=", ">="),
    ("⩾", ">="),
    ("≧", ">="),
    ("<=", "<="),
    ("≤", "<="),
    ("=<", "<="),
    ("&lt;=", "<="),
    ("==", "=="),
    ("~=", "~="),
    ("!=", "!="),
    ("&gt;", ">"),
    ("&lt;", "<"),
    (">", ">"),
    ("<", "<"),
    ("=", "=="),
];

/// Statements about `product` in a line of prose.
pub(crate) fn claims(line: &str, product: Product) -> Vec<Claim> {
    let name = match product {
        Product::Python => "python",
        Product::Torch => "torch",
        Product::Cuda => "cuda",
    };
    let lower = line.to_ascii_lowercase();
    if !lower.contains(name) {
        return Vec::new();
    }
    let plain = plain(&lower);
    let mut found = Vec::new();
    for (at, _) in plain.match_indices(name) {
        let before = plain.get(..at).unwrap_or_default();
        let after = plain.get(at + name.len()..).unwrap_or_default();
        // `ipython`, `cpython`, `torchvision`, `torch.cuda`, `cuda_home`, `python_x`; but `pytorch`, `python3.8`.
        let before_word = before
            .chars()
            .next_back()
            .filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '\\' | '$'));
        let attached = match (product, before_word) {
            (_, None) => false,
            (Product::Torch, Some('y')) => !before.ends_with("py"),
            _ => true,
        };
        if attached
            || after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            || after.starts_with('.')
            || after.starts_with('/')
        {
            continue;
        }
        if let Some(claim) = read(before, after, product)
            && !found.contains(&claim)
        {
            found.push(claim);
        }
    }
    found
}

/// Takes link targets, addresses, tags and emphasis out of a line.
fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        let skipped = if rest.starts_with("](") {
            rest.find(')').map(|end| end + 1)
        } else if rest.starts_with("http://") || rest.starts_with("https://") {
            Some(
                rest.find(|c: char| c.is_whitespace() || matches!(c, ')' | '>' | '"' | '\'' | '`'))
                    .unwrap_or(rest.len()),
            )
        } else if character == '<'
            && rest.get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/'))
        {
            rest.find('>').map(|end| end + 1)
        } else if matches!(character, '*' | '_' | '`' | '[' | ']' | '"' | '\'') {
            // An underscore inside a name stays, and so does the star of `3.8.*`.
            let inside = character == '_' && plain.ends_with(|c: char| c.is_alphanumeric());
            let wildcard = character == '*' && plain.ends_with('.');
            if inside || wildcard { None } else { Some(1) }
        } else {
            None
        };
        if skipped.is_none() {
            plain.push(character);
        }
        rest = rest.get(skipped.unwrap_or(character.len_utf8())..).unwrap_or_default();
    }
    plain
}

fn tokens(text: &str, product: Product) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if tokens.len() > 24 {
            break;
        }
        if let Some((sign, operator)) = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            tokens.push(Token::Operator(operator));
            rest = rest.get(sign.len()..).unwrap_or_default();
        } else if character.is_ascii_digit() {
            let (token, length) = number(rest, product);
            tokens.push(token);
            rest = rest.get(length..).unwrap_or_default();
        } else if matches!(character, '-' | '–' | '—' | '~' | '～' | '−') {
            tokens.push(Token::Dash);
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
        } else if matches!(character, ',' | '/' | '|' | '&' | '、' | '，') {
            tokens.push(Token::Separator);
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
        } else if character.is_alphabetic() {
            let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
            let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            tokens.push(match word {
                "to" | "through" | "until" => Token::Dash,
                word => Token::Word(word),
            });
            rest = after;
        } else {
            if matches!(character, '.' | ';' | '。' | '!' | '?') {
                tokens.push(Token::Stop);
            }
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
        }
    }
    tokens
}

/// Reads a number at the start of `text`, with its length in bytes.
fn number(text: &str, product: Product) -> (Token<'_>, usize) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let digits = text.get(..end).unwrap_or_default().trim_end_matches('.');
    let mut length = digits.len();
    let mut parts = digits.split('.').map(str::parse::<u32>);
    let (major, minor, patch) = (parts.next(), parts.next(), parts.next());
    // `3.8.x` and `3.8.*` name the minor version.
    let tail = text.get(length..).unwrap_or_default();
    let wild = [".x", ".*"].iter().find(|wild| tail.starts_with(**wild));
    length += wild.map_or(0, |wild| wild.len());
    let tail = text.get(length..).unwrap_or_default();
    let plus = tail.starts_with('+')
        && !tail.get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
    if tail.starts_with('+') {
        // A local label (`+cu118`) belongs to the version.
        length += 1 + if plus {
            0
        } else {
            tail.get(1..)
                .and_then(|rest| rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')))
                .unwrap_or_default()
        };
    }
    match (major, minor) {
        (Some(Ok(major)), Some(Ok(minor))) => {
            let version = Version { major, minor, patch: patch.and_then(Result::ok) };
            let plausible = match product {
                Product::Python => major == 2 || (major == 3 && (2..=20).contains(&minor)),
                Product::Torch => major <= 3 && minor <= 20,
                Product::Cuda => (7..=14).contains(&major) && minor <= 9,
            };
            (if plausible { Token::Version(version, plus) } else { Token::Stop }, length.max(1))
        }
        _ => (Token::Word("#"), length.max(1)),
    }
}

/// Words that may stand between a product's name and its version.
const BETWEEN: &[&str] = &[
    "version",
    "versions",
    "v",
    "is",
    "ver",
    "toolkit",
    "runtime",
    "release",
    "interpreter",
    "with",
    "of",
    "environment",
    "library",
    "driver",
    "sdk",
    "compiler",
    "bit",
    "programming",
    "language",
];

fn read(before: &str, after: &str, product: Product) -> Option<Claim> {
    if is_denied(before, after) {
        return None;
    }
    let tokens = tokens(after, product);
    let mut at = 0;
    let mut skipped = 0;
    while let Some(token) = tokens.get(at) {
        let skip = match token {
            Token::Word(word) => BETWEEN.contains(word) && skipped < 3,
            Token::Separator | Token::Dash => at == 0,
            _ => false,
        };
        if !skip {
            break;
        }
        skipped += 1;
        at += 1;
    }
    let tokens = tokens.get(at..)?;
    let at_least_before =
        ["at least", "minimum", "least version", "newer than", "higher than", "above", "no less than", "later than"]
            .iter()
            .any(|cue| tail(before, 40).contains(cue));
    match tokens {
        [Token::Operator(_), Token::Version(..), ..] => bounds(tokens),
        [Token::Version(low, _), Token::Dash, Token::Version(high, plus), ..]
            if low.major == high.major && low.minor <= high.minor =>
        {
            Some(if *plus { Claim::AtLeast(*low) } else { Claim::Span(*low, *high) })
        }
        // `Python 2.7-3.6`: what is said of Python 3 counts.
        [Token::Version(low, _), Token::Dash, Token::Version(high, _), ..]
            if product == Product::Python && low.major < high.major =>
        {
            Some(Claim::Bounds(vec![("<=", *high)]))
        }
        [Token::Version(first, plus), rest @ ..] => {
            let (versions, open, rest) = list(*first, *plus, rest);
            let versions: Vec<Version> =
                versions.into_iter().filter(|version| product != Product::Python || version.major >= 3).collect();
            let low = versions.iter().min().copied()?;
            let high = versions.iter().max().copied()?;
            if open || at_least_before || is_open(rest) {
                return Some(Claim::AtLeast(low));
            }
            if versions.len() > 1 {
                // A list of CUDA or torch versions offers a choice and demands none.
                return (product == Product::Python && low.major == high.major).then_some(Claim::Span(low, high));
            }
            (ends_well(rest) && is_said(before)).then_some(Claim::Exactly(low))
        }
        _ => None,
    }
}

/// Reads `>= 3.7, < 3.11` and the like.
fn bounds(tokens: &[Token<'_>]) -> Option<Claim> {
    let mut bounds = Vec::new();
    let mut rest = tokens;
    loop {
        match rest {
            [Token::Operator(operator), Token::Version(version, _), after @ ..] => {
                bounds.push((*operator, *version));
                rest = after;
            }
            [Token::Separator | Token::Word("and"), after @ ..]
                if !bounds.is_empty() && matches!(after, [Token::Operator(_), Token::Version(..), ..]) =>
            {
                rest = after;
            }
            _ => break,
        }
    }
    if bounds.len() == 1 && bounds.first().is_some_and(|(operator, _)| *operator == "==") && is_open(rest) {
        return bounds.first().map(|(_, version)| Claim::AtLeast(*version));
    }
    (!bounds.is_empty()).then_some(Claim::Bounds(bounds))
}

/// Versions that follow the first one, whether one of them is open upwards, and what comes then.
fn list<'r, 't>(first: Version, plus: bool, mut rest: &'r [Token<'t>]) -> (Vec<Version>, bool, &'r [Token<'t>]) {
    let mut versions = vec![first];
    let mut open = plus;
    loop {
        match rest {
            [Token::Separator | Token::Word("and" | "or"), Token::Version(version, plus), after @ ..]
            | [Token::Separator, Token::Word("and" | "or"), Token::Version(version, plus), after @ ..] => {
                versions.push(*version);
                open |= plus;
                rest = after;
            }
            _ => return (versions, open, rest),
        }
    }
}

/// Do the words behind a version open it upwards: `or later`, `and above`, `(or newer)`, `以上`?
fn is_open(rest: &[Token<'_>]) -> bool {
    const UP: &[&str] = &[
        "later", "newer", "higher", "above", "greater", "up", "upper", "upwards", "onwards", "onward", "more", "beyond",
    ];
    match rest {
        [
            Token::Word("or" | "and" | "onwards"),
            Token::Word("any" | "a" | "with" | "versions"),
            Token::Word(word),
            ..,
        ]
        | [Token::Word("or" | "and"), Token::Word(word), ..]
        | [Token::Separator, Token::Word("or" | "and"), Token::Word(word), ..] => UP.contains(word),
        [Token::Word(word), ..] => {
            matches!(*word, "onwards" | "above" | "upwards")
                || word.starts_with("以上")
                || word.starts_with("及以上")
                || word.starts_with("或")
                || word.starts_with("이상")
        }
        _ => false,
    }
}

/// The last `count` characters, or fewer.
fn tail(text: &str, count: usize) -> &str {
    let start = text.char_indices().rev().nth(count.saturating_sub(1)).map_or(0, |(at, _)| at);
    text.get(start..).unwrap_or_default()
}

fn head(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).map_or(text, |(at, _)| text.get(..at).unwrap_or_default())
}

/// Is the mention a negation, or about something that went wrong?
fn is_denied(before: &str, after: &str) -> bool {
    let before = tail(before, 60);
    let before = before.rsplit(['.', ';', '(']).next().unwrap_or(before);
    let negated = [
        "not ",
        "n't ",
        "no longer",
        "dropp",
        "drop ",
        "deprecat",
        "except",
        "without ",
        "instead of",
        "unless",
        " if ",
        "when ",
        "both ",
        "remove",
        "unlike",
        "upcoming",
        "bug",
        "issue",
        "error",
        "fail",
        "avoid",
        "other than",
    ];
    let after = head(after, 60);
    let refused = [
        "not support",
        "n't work",
        "not work",
        "not yet",
        "is deprecated",
        "are deprecated",
        "not compatible",
        "unsupported",
        "end of life",
        "may cause",
        "not recommended",
        "not tested",
    ];
    negated.iter().any(|word| before.contains(word)) || refused.iter().any(|words| after.contains(words))
}

/// Does the sentence go on in a way that leaves the version what it is? (`PyTorch 2.0 compile` is none.)
fn ends_well(rest: &[Token<'_>]) -> bool {
    const ON: &[&str] = &[
        "and",
        "or",
        "with",
        "on",
        "for",
        "in",
        "is",
        "are",
        "as",
        "was",
        "were",
        "using",
        "under",
        "environment",
        "env",
        "installed",
        "via",
        "by",
        "but",
        "if",
        "from",
        "at",
        "only",
        "required",
        "recommended",
        "should",
        "we",
        "interpreter",
        "version",
        "work",
        "works",
        "support",
        "supported",
        "tested",
        "is,",
        "which",
        "because",
        "since",
        "based",
        "preferred",
        "the",
        "tensorflow",
        "pytorch",
        "torch",
        "cuda",
        "numpy",
        "ubuntu",
        "linux",
        "cudnn",
        "conda",
        "anaconda",
        "gpu",
    ];
    match rest {
        [Token::Word(word), ..] => ON.contains(word) || !word.is_ascii(),
        _ => true,
    }
}

/// Does the line say that this version is used, rather than mention it?
fn is_said(before: &str) -> bool {
    let cues = [
        "test",
        "requir",
        "need",
        "use",
        "using",
        "recommend",
        "install",
        "develop",
        "environment",
        "env",
        "run",
        "support",
        "work",
        "creat",
        "prerequisite",
        "depend",
        "under",
        "built",
        "build",
        "implement",
        "experiment",
        "setup",
        "set up",
        "compatible",
        "verified",
        "based on",
        "train",
        "conda",
        "assume",
        "activate",
        "written",
    ];
    let start = before.trim_start_matches(|c: char| {
        c.is_whitespace()
            || matches!(c, '-' | '*' | '+' | '•' | '#' | '>' | '|' | '.' | ')' | '(')
            || c.is_ascii_digit()
    });
    // A list item or table row that begins with the product, or a line that holds little else.
    let item = start.len() <= 14;
    item || cues.iter().any(|cue| tail(before, 90).contains(cue))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(product: Product, line: &str, expected: &[&str]) {
        let found: Vec<String> = claims(line, product).iter().map(|claim| claim.specifier(product)).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[track_caller]
    fn check_python(line: &str, expected: &[&str]) {
        check(Product::Python, line, expected);
    }

    #[test]
    fn lower_bounds_are_understood_in_many_words() {
        for line in [
            "Python 3.8+",
            "- Python >= 3.8",
            "* **Python** ≥ 3.8",
            "Python 3.8 or later is required.",
            "requires Python 3.8 or higher",
            "[Python](https://www.python.org/downloads/) 3.8 or newer",
            "You need at least Python 3.8",
            "64-bit Python 3.8 and above",
            "Python (>= 3.8)",
            "Python version 3.8.1+",
            "Python 3.8 及以上",
            "`python>=3.8`",
            "Python 3.8.x or above",
        ] {
            check_python(line, &[">=3.8"]);
        }
    }

    #[test]
    fn spans_and_lists_are_spans() {
        for line in [
            "Python 3.8-3.11",
            "Python 3.8–3.11",
            "We support Python 3.8 to 3.11",
            "python 3.8, 3.9, 3.10 and 3.11",
            "Python 3.8/3.11",
            "python>=3.8,<3.12",
            "Python 2.7, 3.8 and 3.11",
        ] {
            check_python(line, &[">=3.8,<3.12"]);
        }
        check_python("Python >= 3.8 and <= 3.11", &[">=3.8,<3.12"]);
    }

    #[test]
    fn a_version_that_was_used_is_exact() {
        for line in [
            "We tested with Python 3.8.",
            "- Python 3.8",
            "- python==3.8.5",
            "Our code runs under Python 3.8.10 and PyTorch 1.9",
            "| Python | 3.8 |",
            "Create an environment with python=3.8",
        ] {
            check_python(line, &["==3.8.*"]);
        }
    }

    #[test]
    fn what_demands_nothing_is_left() {
        for line in [
            "Python 3",
            "Python 3 is required",
            "Python 2.7",
            "Python 3.12 is not supported yet",
            "does not work with Python 3.10",
            "We dropped support for Python 3.6",
            "See https://docs.python.org/3.8/library",
            "IPython 8.0",
            "a Python 30.5",
            "In that year Python 3.9 came out, a long story that nobody wants to hear again and again",
            "python demo.py --threshold 3.5",
        ] {
            check_python(line, &[]);
        }
    }

    #[test]
    fn torch_versions_are_told_from_those_of_its_relatives() {
        check(Product::Torch, "trained with PyTorch 1.10.1", &["==1.10.1"]);
        check(Product::Torch, "[PyTorch](https://pytorch.org/) 1.9.0 (or later)", &[">=1.9.0"]);
        check(Product::Torch, "Install `torch>=2.0.0`", &[">=2.0.0"]);
        check(Product::Torch, "torchvision 0.11.2 and torch-geometric 2.0", &[]);
        check(Product::Torch, "PyTorch 1.7+ and torchvision 0.8+", &[">=1.7"]);
        check(Product::Torch, "pytorch==1.8.0+cu111", &["==1.8.0"]);
        check(Product::Torch, "torch.nn 1.5", &[]);
        check(Product::Torch, "we must turn off PyTorch 2.0 compile", &[]);
    }

    #[test]
    fn cuda_versions_are_plain() {
        let versions = |line: &str| claims(line, Product::Cuda).iter().map(Claim::version).collect::<Vec<_>>();
        assert_eq!(versions("CUDA 11.8"), ["11.8"]);
        assert_eq!(versions("CUDA toolkit 11.1 or later"), [">=11.1"]);
        assert_eq!(versions("CUDA >= 10.2"), [">=10.2"]);
        assert_eq!(versions("export PATH=/usr/local/cuda-12.1/bin"), Vec::<String>::new());
        assert_eq!(versions("CUDA 10.2, 11.1 and 11.3 wheels"), Vec::<String>::new());
        assert_eq!(versions("CUDA_VISIBLE_DEVICES=0"), Vec::<String>::new());
        assert_eq!(versions("see the [CUDA 11.4 system requirements](https://x.example)"), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "\\PC{0,80}") {
            for product in [Product::Python, Product::Torch, Product::Cuda] {
                let _ = claims(&line, product);
            }
        }

        #[test]
        fn no_line_about_python_makes_it_panic(words in prop::collection::vec(prop::sample::select(vec![
            "Python", "3.8", "+", " ", ">=", "<", "é", "](", ")", "<b>", "-", "3.", "..", "99999999999.1", "*", "以上", "https://", "or", "newer", "CUDA", "`",
        ]), 0..14)) {
            let line = words.concat();
            for product in [Product::Python, Product::Torch, Product::Cuda] {
                for claim in claims(&line, product) {
                    let _ = (claim.specifier(product), claim.version());
                }
            }
        }
    }
}
