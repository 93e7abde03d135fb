//! The arguments of a command and the options of its program in, those of a short and quiet run out.
//!
//! Only the program's own options are used, and each change is told.

use super::shell::Word;
use super::words::option_name;
use crate::python::{Argument, Module};

/// Options for the steps of a training.
const STEPS: [&str; 26] = [
    "max-steps",
    "max-iters",
    "max-iter",
    "num-steps",
    "n-steps",
    "iterations",
    "num-iterations",
    "n-iterations",
    "n-iter",
    "niter",
    "num-iters",
    "n-iters",
    "train-steps",
    "max-train-steps",
    "num-train-steps",
    "total-steps",
    "total-iters",
    "total-iterations",
    "max-iterations",
    "training-steps",
    "num-training-steps",
    "train-iters",
    "steps",
    "iters",
    "max-updates",
    "nsteps",
];

/// Options for how often a training goes through its data.
const EPOCHS: [&str; 14] = [
    "epochs",
    "num-epochs",
    "n-epochs",
    "max-epochs",
    "num-train-epochs",
    "max-epoch",
    "nepoch",
    "nepochs",
    "n-epoch",
    "num-epoch",
    "total-epochs",
    "train-epochs",
    "epoch",
    "ep",
];

/// Steps in an environment: fewer than one batch of them would train nothing.
const TIMESTEPS: [&str; 8] = [
    "total-timesteps",
    "timesteps",
    "n-timesteps",
    "num-timesteps",
    "num-env-steps",
    "total-env-steps",
    "num-frames",
    "total-frames",
];

/// Shortens a training by the program's own flags; what changed is told.
pub(crate) fn shorten(arguments: &mut Vec<Word>, module: Option<&Module>) -> Vec<String> {
    // Beside steps in an environment, other steps are those between two updates.
    let mut changes = shorten_timesteps(arguments, module);
    if changes.is_empty() {
        // The shortest that still trains.
        let lengths = [(STEPS.as_slice(), "10"), (EPOCHS.as_slice(), "1"), (TIMESTEPS.as_slice(), "2048")];
        changes = shorten_by(&lengths, arguments, module);
    }
    changes
}

/// Shortens a run that takes more than some thousand steps in an environment, whatever it is for.
pub(crate) fn shorten_timesteps(arguments: &mut Vec<Word>, module: Option<&Module>) -> Vec<String> {
    let long = |default: &str| default.parse::<f64>().is_ok_and(|steps| steps > 5000.0);
    let declared = module.into_iter().flat_map(|module| &module.arguments).any(|argument| {
        let named = |name: &String| TIMESTEPS.contains(&option_name(name).as_str());
        argument.names.iter().any(named) && argument.default.as_deref().is_some_and(long)
    });
    if declared { shorten_by(&[(TIMESTEPS.as_slice(), "2048")], arguments, module) } else { vec![] }
}

/// Sets the first option of the first list that the command or the program has to the value of that list.
fn shorten_by(lengths: &[(&[&str], &str)], arguments: &mut Vec<Word>, module: Option<&Module>) -> Vec<String> {
    for (names, value) in lengths.iter().copied() {
        // As the command itself has it.
        for at in 0..arguments.len() {
            let Some(text) = arguments.get(at).map(|word| word.text.clone()) else { continue };
            let (name, joined) =
                text.split_once('=').map_or((text.as_str(), None), |(name, value)| (name, Some(value)));
            let also_called = |argument: &Argument| {
                argument.names.iter().any(|known| known == name)
                    && argument.names.iter().any(|known| names.contains(&option_name(known).as_str()))
            };
            if !names.contains(&option_name(name).as_str())
                && !module.is_some_and(|module| module.arguments.iter().any(also_called))
            {
                continue;
            }
            if let Some(old) = joined {
                if let Some(word) = arguments.get_mut(at) {
                    *word = Word::new(&format!("{name}={value}"));
                }
                return vec![format!("`{name}={old}` shortened to `{value}`")];
            }
            if let Some(next) = arguments.get_mut(at + 1).filter(|next| next.text.parse::<f64>().is_ok()) {
                let old = std::mem::replace(next, Word::new(value)).text;
                return vec![format!("`{name} {old}` shortened to `{value}`")];
            }
        }
        // As the program declares it.
        for wanted in names {
            let declared = module.into_iter().flat_map(|module| &module.arguments).find(|argument| {
                !argument.positional
                    && !argument.is_flag
                    && argument.kind.as_deref() != Some("bool")
                    && argument.names.iter().any(|name| option_name(name) == *wanted)
            });
            let Some(name) =
                declared.and_then(|argument| argument.names.iter().find(|name| option_name(name) == *wanted))
            else {
                continue;
            };
            arguments.push(Word::new(name));
            arguments.push(Word::new(value));
            return vec![format!("`{name} {value}` added: the program's own flag for a short run")];
        }
    }
    vec![]
}

/// Makes one sample where the program would make many, or never stop, by its own flag; what changed is told.
pub(crate) fn one_sample(arguments: &mut Vec<Word>, module: Option<&Module>) -> Vec<String> {
    let is_number = |name: &str| matches!(option_name(name).as_str(), "num-samples" | "n-samples" | "nsamples");
    if arguments.iter().any(|word| word.text.split('=').next().is_some_and(is_number)) {
        return vec![];
    }
    let many = |argument: &&Argument| {
        let default = argument.default.as_deref().and_then(|default| default.parse::<u32>().ok());
        !argument.positional && default.is_some_and(|default| default == 0 || default > 10)
    };
    let name = module
        .into_iter()
        .flat_map(|module| &module.arguments)
        .filter(many)
        .find_map(|argument| argument.names.iter().find(|name| is_number(name)));
    let Some(name) = name else { return vec![] };
    arguments.extend([Word::new(name), Word::new("1")]);
    vec![format!("`{name} 1` added: the program's own flag for a single sample")]
}

/// Does without windows and loudspeakers by the program's own flags; what changed is told.
pub(crate) fn quieten(arguments: &mut Vec<Word>, module: Option<&Module>, source: &str) -> Vec<String> {
    const QUIET: [&str; 10] = [
        "no-sound",
        "nosound",
        "no-play",
        "no-display",
        "no-show",
        "noshow",
        "no-gui",
        "nogui",
        "headless",
        "no-window",
    ];
    const WINDOWS: [&str; 6] = ["show", "display", "visualize", "viz", "view-img", "show-image"];
    let mut changes = Vec::new();
    for argument in module.into_iter().flat_map(|module| &module.arguments).filter(|argument| !argument.positional) {
        let Some(name) = argument.names.last() else { continue };
        let plain = option_name(name);
        let given = arguments
            .iter()
            .position(|word| argument.names.iter().any(|name| word.text.split('=').next() == Some(name.as_str())));
        if argument.is_flag && given.is_none() && QUIET.contains(&plain.as_str()) {
            arguments.insert(0, Word::new(name));
            changes.push(format!("`{name}` added: there is no screen and no loudspeaker"));
        } else if let Some(at) =
            given.filter(|_| WINDOWS.contains(&plain.as_str()) && !argument.required && source.contains("imshow("))
        {
            let word = arguments.remove(at);
            if !argument.is_flag && !word.text.contains('=') && at < arguments.len() {
                arguments.remove(at);
            }
            changes.push(format!("`{}` left out: there is no screen", word.text));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_steps_are_shortened_whatever_they_are_for() {
        let source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--num_timesteps', type=float, default=1e6)\n";
        let module = crate::python::parse(source);
        let mut words = vec![];
        shorten_timesteps(&mut words, Some(&module));
        assert_eq!(words, ["--num_timesteps", "2048"].map(Word::new));
        let rollouts = source.replace("1e6", "1e7") + "p.add_argument('--num-steps', type=int, default=5)\n";
        let module = crate::python::parse(&rollouts);
        let mut words = vec![];
        shorten(&mut words, Some(&module));
        assert_eq!(words, ["--num_timesteps", "2048"].map(Word::new));
        let module = crate::python::parse(&source.replace("1e6", "1000"));
        assert_eq!(shorten_timesteps(&mut vec![], Some(&module)), Vec::<String>::new());
    }

    #[test]
    fn windows_and_loudspeakers_are_done_without() {
        let source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--no_sound', action='store_true')\np.add_argument('-v', '--visualize', type=int, default=0)\ncv2.imshow('x', y)\n";
        let module = crate::python::parse(source);
        let mut words = ["--visualize", "3", "-c", "a.mp4"].map(Word::new).to_vec();
        quieten(&mut words, Some(&module), source);
        assert_eq!(words, ["--no_sound", "-c", "a.mp4"].map(Word::new));
    }

    #[test]
    fn one_sample_is_made_where_a_program_would_not_stop() {
        let source =
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('--num-samples', type=int, default=0)\n";
        let module = crate::python::parse(source);
        let mut words = vec![];
        one_sample(&mut words, Some(&module));
        assert_eq!(words, [Word::new("--num-samples"), Word::new("1")]);
        let mut words = vec![Word::new("--num-samples=3")];
        one_sample(&mut words, Some(&module));
        assert_eq!(words, [Word::new("--num-samples=3")]);
    }

    #[test]
    fn trainings_are_shortened_by_their_own_flags() {
        let source =
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('--max-steps', type=int, default=-1)\n";
        let module = crate::python::parse(source);
        let mut words = vec![Word::new("-i"), Word::new("names.txt")];
        shorten(&mut words, Some(&module));
        assert_eq!(
            words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(),
            ["-i", "names.txt", "--max-steps", "10"]
        );
        let module = crate::python::parse(&source.replace("'--max-steps'", "'-its', '--iterations'"));
        let mut words = vec![Word::new("-its"), Word::new("3000")];
        shorten(&mut words, Some(&module));
        assert_eq!(words, ["-its", "10"].map(Word::new));
        let mut words = vec![Word::new("--epochs=200")];
        shorten(&mut words, None);
        assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["--epochs=1"]);
    }
}
