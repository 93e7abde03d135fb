//! Servers that do not answer, in the words of the programs that asked them.
//!
//! In: the lines of a log. Out: whether its end speaks of a network that failed, which says nothing about a repository.

/// Does the end of a log say that a server did not answer?
pub fn is_at_the_end<'l>(lines: impl DoubleEndedIterator<Item = &'l str>) -> bool {
    line_at_the_end(lines).is_some()
}

/// The line at the end of a log that says so.
pub fn line_at_the_end<'l>(lines: impl DoubleEndedIterator<Item = &'l str>) -> Option<&'l str> {
    lines.rev().take(LAST_LINES).find(|line| is_silence(line))
}

/// Causes stand at the end of a log; what a retry mended stands above.
const LAST_LINES: usize = 40;

/// Does this line of git, pip, uv, apt or curl say that a server did not answer?
fn is_silence(line: &str) -> bool {
    // fatal: unable to access 'https://mirror.example/x/': Could not resolve host: mirror.example
    // fatal: unable to connect to mirror.example: mirror.example[0: 192.0.2.1]: errno=Connection refused
    // fatal: unable to look up mirror.example (port 9418) (Name or service not known)
    // {"error": "network", "message": "HTTPSConnectionPool(host='mirror.example', port=443): Max retries exceeded …"}
    // W: Some index files failed to download. They have been ignored, or old ones used instead.
    // error sending request for url (https://mirror.example/simple/x/): dns error (uv)
    const SILENT: [&str; 23] = [
        "error sending request",
        "dns error",
        "operation timed out",
        "some index files failed to download",
        "could not resolve host",
        "could not resolve hostname",
        "name or service not known",
        "temporary failure in name resolution",
        "temporary failure resolving",
        "unable to look up",
        "unable to access",
        "unable to connect to",
        "failed to connect",
        "failed to establish a new connection",
        "couldn't connect to server",
        "connection refused",
        "connection reset by peer",
        "connection timed out",
        "network is unreachable",
        "no route to host",
        "max retries exceeded",
        "read timed out",
        "the remote end hung up unexpectedly",
    ];
    let line = line.to_ascii_lowercase();
    SILENT.iter().any(|words| line.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_log_tells_of_a_silent_server() {
        for silent in [
            "fatal: unable to access 'https://mirror.example/x/': Could not resolve host: mirror.example",
            "fatal: unable to connect to mirror.example: errno=Connection refused",
            "fatal: unable to look up mirror.example (port 9418) (Name or service not known)",
            "ssh: Could not resolve hostname mirror.example: Name or service not known",
            "{\"error\": \"network\", \"message\": \"HTTPSConnectionPool: Max retries exceeded with url: /simple/x/\"}",
            "WARNING: Retrying: NewConnectionError: Failed to establish a new connection: [Errno 111]",
            "W: Failed to fetch http://mirror.example/x  Temporary failure resolving 'mirror.example'",
            "  Caused by: error sending request for url (https://mirror.example/simple/x/)",
            "W: Some index files failed to download. They have been ignored, or old ones used instead.",
        ] {
            assert!(is_at_the_end([silent, "ERROR: something", "exit code: 1"].into_iter()), "{silent}");
            let long_ago: Vec<&str> = [silent].into_iter().chain(["line"; 100]).collect();
            assert!(!is_at_the_end(long_ago.into_iter()), "{silent}");
        }
        for verdict in ["fatal: couldn't find remote ref 0123", "ERROR: No matching distribution found for x==1"] {
            assert!(!is_at_the_end([verdict, "exit code: 1"].into_iter()), "{verdict}");
        }
    }
}
