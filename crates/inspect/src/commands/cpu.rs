//! A command and the options of its program in, the same command for a machine without a GPU out.

use super::arguments::is_placeholder;
use super::shell::Word;
use super::words::option_name;
use crate::python::{Argument, DeviceUse, Module};

/// Options that turn a GPU on where they are given, or given as true.
const ON: [&str; 8] = ["cuda", "gpu", "use-gpu", "use-cuda", "enable-gpu", "enable-cuda", "on-gpu", "with-gpu"];
/// Options that keep a program off the GPU.
const OFF: [&str; 13] = [
    "cpu",
    "cpu-only",
    "force-cpu",
    "use-cpu",
    "on-cpu",
    "no-cuda",
    "no-gpu",
    "nocuda",
    "nogpu",
    "disable-cuda",
    "disable-gpu",
    "no-use-cuda",
    "without-gpu",
];
/// Options that take a device, or the numbers of GPUs.
const DEVICES: [&str; 11] = [
    "device",
    "devices",
    "dev",
    "accelerator",
    "gpu",
    "gpus",
    "gpu-id",
    "gpu-ids",
    "device-id",
    "device-ids",
    "cuda-device",
];

/// Does an option of this name choose the device?
pub(crate) fn is_device_option(name: &str) -> bool {
    let name = option_name(name);
    let name = name.as_str();
    ON.contains(&name) || OFF.contains(&name) || DEVICES.contains(&name) || name == "cpu-offload"
}

/// Does a command ask for the CPU?
pub(crate) fn asks_for_cpu(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    words.iter().zip(words.iter().skip(1).chain([&""])).any(|(word, next)| {
        let (name, value) = word.split_once('=').unwrap_or((word, next));
        let plain = option_name(name);
        let chooses = *word == "-d" || name.starts_with('-') && DEVICES.contains(&plain.as_str());
        name.starts_with("--") && OFF.contains(&plain.as_str()) || chooses && value == "cpu"
    })
}

/// The arguments without a GPU, and what changed. `None` where they say nothing about one, or ask for the CPU already.
pub(crate) fn without_gpu(arguments: &[Word], module: Option<&Module>) -> Option<(Vec<Word>, Vec<String>)> {
    let declared = |name: &str| {
        let all = module.into_iter().flat_map(|module| &module.arguments);
        all.filter(|argument| !argument.positional).find(|argument| argument.names.iter().any(|known| known == name))
    };
    let mut words = Vec::new();
    let mut changes = Vec::new();
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        at += 1;
        let (name, joined) = word.text.split_once('=').map_or((word.text.as_str(), None), |(n, v)| (n, Some(v)));
        let plain = option_name(name);
        let is_option = name.starts_with('-') || joined.is_some() && DEVICES.contains(&plain.as_str());
        let next = arguments.get(at).filter(|next| joined.is_none() && !next.text.starts_with('-'));
        let value = joined.or_else(|| next.map(|next| next.text.as_str()));
        let argument = declared(name);
        if is_option && (OFF.contains(&plain.as_str()) || DEVICES.contains(&plain.as_str()) && value == Some("cpu")) {
            return None;
        }
        let takes_value = argument.is_none_or(|argument| !argument.is_flag);
        let instead = match value.filter(|_| is_option && takes_value) {
            Some(value) if is_gpu(value) => Some("cpu"),
            Some(value) if DEVICES.contains(&plain.as_str()) && is_numbers(value) => argument.and_then(for_cpu),
            Some("True" | "true") if ON.contains(&plain.as_str()) => Some("False"),
            Some("1") if ON.contains(&plain.as_str()) => Some("0"),
            _ => None,
        };
        if let (Some(instead), Some(value)) = (instead, value) {
            changes.push(format!("`{name} {value}` set to `{instead}`: the image has no GPU"));
            if joined.is_some() {
                words.push(Word::new(&format!("{name}={instead}")));
            } else {
                words.extend([word.clone(), Word::new(instead)]);
                at += 1;
            }
        } else if is_option
            && ON.contains(&plain.as_str())
            && argument.map_or(value.is_none(), |argument| argument.is_flag)
        {
            changes.push(format!("`{name}` left out: the image has no GPU"));
        } else {
            words.push(word.clone());
        }
    }
    if changes.is_empty() {
        let (name, value) = switch(module?, &words)?;
        words.push(Word::new(name));
        words.extend(value.map(Word::new));
        let given = value.map_or_else(|| name.to_owned(), |value| format!("{name} {value}"));
        changes.push(format!("`{given}` added: the image has no GPU"));
    }
    Some((words, changes))
}

/// The option by which a program that does not look for a GPU itself is kept off it, with its value.
fn switch<'m>(module: &'m Module, given: &[Word]) -> Option<(&'m str, Option<&'static str>)> {
    if module.devices.iter().any(|device| device.what == DeviceUse::Question) {
        return None;
    }
    let is_given = |argument: &Argument| {
        given.iter().any(|word| argument.names.iter().any(|name| word.text.split('=').next() == Some(name)))
    };
    let options = || module.arguments.iter().filter(|argument| !argument.positional && !is_given(argument));
    let named = |argument: &'m Argument, list: &[&str]| {
        argument.names.iter().find(|name| name.starts_with('-') && list.contains(&option_name(name).as_str()))
    };
    let off = options().filter(|argument| argument.is_flag).find_map(|argument| named(argument, &OFF));
    off.map(|name| (name.as_str(), None)).or_else(|| {
        options().filter(|argument| !argument.is_flag).find_map(|argument| {
            let name = named(argument, &DEVICES)?;
            let default = argument.default.as_deref()?;
            let value = if is_gpu(default) { Some("cpu") } else { for_cpu(argument).filter(|_| is_numbers(default)) };
            Some((name.as_str(), Some(value?)))
        })
    })
}

/// What an option for the numbers of GPUs takes instead of one, by its own words: `-1`, `cpu`.
fn for_cpu(argument: &Argument) -> Option<&'static str> {
    let help = argument.help.as_deref().unwrap_or_default().to_ascii_lowercase();
    let is_number = matches!(argument.kind.as_deref(), Some("int" | "float"));
    if help.contains("-1") || is_number && help.contains("negative") {
        Some("-1")
    } else if !is_number && (help.contains("cpu") || argument.choices.iter().any(|choice| choice == "cpu")) {
        Some("cpu")
    } else {
        None
    }
}

/// `cuda`, `gpu`, `cuda:0`.
fn is_gpu(value: &str) -> bool {
    let (kind, number) = value.split_once(':').unwrap_or((value, "0"));
    matches!(kind, "cuda" | "gpu") && (number.chars().all(|c| c.is_ascii_digit()) || is_placeholder(number))
}

/// `0`, `0,1`.
fn is_numbers(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_digit() || c == ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected` is empty where nothing is to change.
    fn check(source: &str, command: &str, expected: &str) {
        let line = crate::documents::Line { number: 1, text: format!("x {command}") };
        let words = super::super::shell::commands(&[line]).remove(0).words;
        let module = crate::python::parse(source);
        let found = without_gpu(words.get(1..).unwrap_or_default(), Some(&module));
        let found = found.map(|(words, _)| words.iter().map(|word| word.raw.clone()).collect::<Vec<_>>().join(" "));
        assert_eq!(found.unwrap_or_default(), expected, "{command}");
    }

    fn option(declaration: &str) -> String {
        format!("import argparse\np = argparse.ArgumentParser()\np.add_argument({declaration})\n")
    }

    #[test]
    fn a_device_that_is_given_becomes_the_cpu() {
        check("", "--image a.png --device cuda:0", "--image a.png --device cpu");
        check("", "--device=cuda a.png", "--device=cpu a.png");
        check("", "model=tiny trainer.accelerator=gpu", "model=tiny trainer.accelerator=cpu");
        check("", "--device cpu", "");
        check("", "--image cuda.png", "");
    }

    #[test]
    fn numbers_of_gpus_are_changed_as_their_own_words_say() {
        check(&option("'--gpu_ids', default='0', help='e.g. 0,1. use -1 for CPU'"), "--gpu_ids 0", "--gpu_ids -1");
        check(&option("'--device', default='', help='0 or 0,1 or cpu'"), "--device 0", "--device cpu");
        check(&option("'--gpu', type=int"), "--gpu 0", "");
    }

    #[test]
    fn switches_are_left_out_or_turned() {
        check(&option("'--cuda', action='store_true'"), "--cuda a.png", "a.png");
        check(&option("'--use_gpu', type=bool"), "--use_gpu True", "--use_gpu False");
        check("", "a.png --gpu", "a.png");
    }

    #[test]
    fn what_a_program_takes_by_itself_is_turned_off() {
        check(&option("'--cpu', action='store_true'"), "a.png", "a.png --cpu");
        check(&option("'--cpu', type=int"), "a.png", "");
        check(&option("'--device', default='cuda'"), "a.png", "a.png --device cpu");
        check(&option("'--gpu', default=0, type=int, help='-1: CPU'"), "a.png", "a.png --gpu -1");
        // It looks for a GPU itself.
        let looks = option("'--cpu', action='store_true'") + "import torch\nx = torch.cuda.is_available()\n";
        check(&looks, "a.png", "");
        check(&looks, "--device cuda a.png", "--device cpu a.png");
    }
}
