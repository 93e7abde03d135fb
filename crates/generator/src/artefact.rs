//! A file that a run has left in, what it shows out: its kind, its size in the kind's own terms, and whether it is empty
//! of what the kind is for.
//!
//! The bytes come from a program that nobody trusts: they are decoded within limits, and what cannot be decoded shows
//! nothing.

use std::io::Cursor;

use serde::{Deserialize, Serialize};

/// What a file shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// `png image`, `wav audio`, `text`.
    pub kind: String,
    /// `640x480`, `2.3 s`, `12 lines`.
    pub detail: String,
    /// Why nobody would call it a result: `all pixels are the same`, `silence`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty: Option<String>,
}

impl Look {
    /// `png image 640x480`; where it is empty, `png image 640x480: all pixels are the same`.
    pub fn describe(&self) -> String {
        let what = format!("{} {}", self.kind, self.detail);
        match &self.empty {
            Some(why) => format!("{}: {why}", what.trim_end()),
            None => what.trim_end().to_owned(),
        }
    }
}

/// Largest file that is looked at, in bytes.
pub const LARGEST: u64 = 32 << 20;
/// Most memory that decoding an image may take, in bytes.
const MEMORY: u64 = 512 << 20;
/// Channels of an image that differ by less than this look the same: noise of a lossy format.
const SAME: u8 = 3;
/// Samples below this share of full scale cannot be heard.
const SILENT: f64 = 1e-4;

const TEXTS: [&str; 12] = ["txt", "csv", "tsv", "json", "jsonl", "srt", "vtt", "md", "html", "xml", "yaml", "obj"];
const IMAGES: [&str; 7] = ["png", "jpg", "jpeg", "gif", "bmp", "webp", "tif"];

/// Can [`look`] tell something about a file of this name?
pub fn can_look(path: &str) -> bool {
    let suffix = suffix(path);
    TEXTS.contains(&suffix.as_str()) || IMAGES.contains(&suffix.as_str()) || matches!(suffix.as_str(), "wav" | "npy")
}

fn suffix(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map(|(_, suffix)| suffix.to_ascii_lowercase()).unwrap_or_default()
}

/// What the content of a file shows; `None` where it is not what its name says, or nothing is known of its kind.
pub fn look(path: &str, bytes: &[u8]) -> Option<Look> {
    let suffix = suffix(path);
    match suffix.as_str() {
        "wav" => audio(bytes),
        "npy" => array(bytes),
        text if TEXTS.contains(&text) => self::text(text, bytes),
        image if IMAGES.contains(&image) => picture(bytes),
        _ => None,
    }
}

fn picture(bytes: &[u8]) -> Option<Look> {
    let mut reader = image::ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let format = reader.format()?.extensions_str().first().copied().unwrap_or_default();
    let image = reader.decode().ok()?.to_rgba8();
    let mut ends = [(u8::MAX, u8::MIN); 4];
    for pixel in image.pixels() {
        for (end, value) in ends.iter_mut().zip(pixel.0) {
            *end = (end.0.min(value), end.1.max(value));
        }
    }
    let blank = ends.iter().all(|(least, most)| most.saturating_sub(*least) < SAME);
    Some(Look {
        kind: format!("{format} image"),
        detail: format!("{}x{}", image.width(), image.height()),
        empty: blank.then(|| "all pixels are the same".to_owned()),
    })
}

fn audio(bytes: &[u8]) -> Option<Look> {
    let mut reader = hound::WavReader::new(Cursor::new(bytes)).ok()?;
    let spec = reader.spec();
    let seconds = f64::from(reader.duration()) / f64::from(spec.sample_rate.max(1));
    let peak = match spec.sample_format {
        hound::SampleFormat::Float => {
            reader.samples::<f32>().flatten().fold(0.0, |peak: f64, sample| peak.max(f64::from(sample).abs()))
        }
        hound::SampleFormat::Int => {
            let full = 2_f64.powi(i32::from(spec.bits_per_sample) - 1);
            reader.samples::<i32>().flatten().fold(0.0, |peak: f64, sample| peak.max(f64::from(sample).abs() / full))
        }
    };
    let empty =
        if seconds == 0.0 { Some("no samples".to_owned()) } else { (peak < SILENT).then(|| "silence".to_owned()) };
    Some(Look { kind: "wav audio".to_owned(), detail: format!("{seconds:.1} s"), empty })
}

/// A `NumPy` array, by the header of its file: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
fn array(bytes: &[u8]) -> Option<Look> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let start = if *rest.first()? == 1 { 4 } else { 6 };
    let header = String::from_utf8_lossy(rest.get(start..rest.len().min(400))?).into_owned();
    let shape = header.split_once("'shape': (")?.1.split_once(')')?.0;
    let sides: Vec<&str> = shape.split(',').map(str::trim).filter(|side| !side.is_empty()).collect();
    Some(Look {
        kind: "array".to_owned(),
        detail: if sides.is_empty() { "of one value".to_owned() } else { sides.join("x") },
        empty: sides.contains(&"0").then(|| "no values".to_owned()),
    })
}

fn text(suffix: &str, bytes: &[u8]) -> Option<Look> {
    let text = std::str::from_utf8(bytes).ok()?;
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    let nothing = matches!(text.trim(), "" | "[]" | "{}" | "null");
    Some(Look {
        kind: if suffix == "txt" { "text".to_owned() } else { format!("{suffix} text") },
        detail: format!("{lines} {}", if lines == 1 { "line" } else { "lines" }),
        empty: nothing.then(|| "nothing in it".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
        let image = image::RgbImage::from_fn(4, 3, |x, y| image::Rgb(pixel(x, y)));
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn wav(samples: &[i16]) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 4,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for sample in samples {
            writer.write_sample(*sample).unwrap();
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn check(path: &str, bytes: &[u8], expected: &str) {
        assert!(can_look(path), "{path}");
        assert_eq!(look(path, bytes).map(|look| look.describe()).unwrap_or_default(), expected, "{path}");
    }

    #[test]
    fn a_result_is_told_from_a_file_without_content() {
        check("out/mask.png", &png(|x, _| [if x > 1 { 255 } else { 0 }; 3]), "png image 4x3");
        check("out/mask.PNG", &png(|_, _| [7, 7, 8]), "png image 4x3: all pixels are the same");
        check("a.wav", &wav(&[0, 9000, -9000, 5]), "wav audio 1.0 s");
        check("a.wav", &wav(&[0; 8]), "wav audio 2.0 s: silence");
        check("a.wav", &wav(&[]), "wav audio 0.0 s: no samples");
        check("a.json", b"{}\n", "json text 1 line: nothing in it");
        check("a.csv", b"a,b\n1,2\n\n", "csv text 2 lines");
        let header = b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 128), }\n";
        check("a.npy", header, "array 3x128");
    }

    #[test]
    fn what_is_not_what_its_name_says_shows_nothing() {
        for path in ["a.png", "a.wav", "a.npy", "a.jpg"] {
            check(path, b"<html>", "");
            check(path, b"", "");
        }
        check("a.txt", b"\xff\xfe\x00", "");
        assert!(!can_look("model.pt") && !can_look("a/b"));
    }
}
