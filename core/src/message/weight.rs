//! What a message that waits takes in memory, from above. It depends on nothing but how long its texts are on the wire
//! and how many parts it has: two messages of one shape weigh the same.

use super::error::{Issue, MAX_SHOWN, PathSegment};
use super::json::{Encode, Sink, Style, Writer};
use super::{
    AllowPatterns, DecodeError, OutputUpload, SingleFileUpload, SingleVolume, StringMap,
    V0JobCheated, V2JobRequest, Volume, ZipUpload,
};

/// A text beside its bytes: its header twice, since lists grow in steps, and what an allocation costs.
const TEXT: usize = 64;
/// A volume or an upload beside its bytes, likewise.
const PART: usize = 512;

/// The longest text of an issue: a name that was cut, in up to four bytes a character.
const REASON: usize = 4 * (MAX_SHOWN + 2);

/// Counts what is written to it.
struct Length(usize);

impl Sink for Length {
    fn push(&mut self, text: &str) {
        self.0 = self.0.saturating_add(text.len());
    }
}

fn encoded_len(message: &impl Encode) -> usize {
    let mut writer = Writer::new(Length(0), Style::Compact);
    message.write(&mut writer);
    writer.into_sink().0
}

impl V2JobRequest {
    /// What this takes in memory, in bytes, at the most (what an allocator wastes aside): its length on the wire, and
    /// a fixed amount for every argument, variable, volume and upload. Bounds on requests that wait go by it.
    pub fn weight(&self) -> usize {
        let parts = self.args.len() * TEXT
            + map(&self.env)
            + self.volume.as_ref().map_or(0, volume)
            + self.output_upload.as_ref().map_or(0, upload);
        size_of::<Self>() + encoded_len(self) + parts
    }
}

impl V0JobCheated {
    /// What this takes in memory, as of [`V2JobRequest::weight`].
    pub fn weight(&self) -> usize {
        size_of::<Self>() + encoded_len(self)
    }
}

impl DecodeError {
    /// What this takes in memory, as of [`V2JobRequest::weight`]: up to some kilobytes for each of the issues kept.
    pub fn weight(&self) -> usize {
        let segment = |segment: &PathSegment| {
            let text = match segment {
                PathSegment::Key(key) => key.len(),
                PathSegment::Index(_) => 0,
            };
            size_of::<PathSegment>() + text
        };
        let path = |issue: &Issue| issue.loc.iter().map(segment).sum::<usize>();
        let issue = |issue: &Issue| size_of::<Issue>() + REASON + path(issue);
        self.issues().iter().map(issue).sum()
    }
}

fn map(map: &StringMap) -> usize {
    map.len() * 2 * TEXT
}

fn volume(volume: &Volume) -> usize {
    match volume {
        Volume::Single(volume) => single_volume(volume),
        Volume::Multi(volumes) => volumes.volumes.iter().map(single_volume).sum(),
    }
}

fn single_volume(volume: &SingleVolume) -> usize {
    let patterns = match volume {
        SingleVolume::Huggingface(volume) => match &volume.allow_patterns {
            Some(AllowPatterns::Many(patterns)) => patterns.len(),
            Some(AllowPatterns::One(_)) | None => 0,
        },
        _ => 0,
    };
    PART + patterns * TEXT
}

fn upload(upload: &OutputUpload) -> usize {
    match upload {
        OutputUpload::SingleFile(upload) => file_upload(upload),
        OutputUpload::Zip(upload) => zip_upload(upload),
        OutputUpload::Multi(uploads) => {
            let system = uploads.system_output.as_ref().map_or(0, zip_upload);
            uploads.uploads.iter().map(file_upload).sum::<usize>() + system
        }
    }
}

fn file_upload(upload: &SingleFileUpload) -> usize {
    let maps = match upload {
        SingleFileUpload::Post(upload) => [&upload.form_fields, &upload.signed_headers],
        SingleFileUpload::Put(upload) => [&upload.signed_headers, &None],
    };
    PART + maps.into_iter().flatten().map(map).sum::<usize>()
}

fn zip_upload(upload: &ZipUpload) -> usize {
    let fields = match upload {
        ZipUpload::Post(upload) => upload.form_fields.as_ref(),
        ZipUpload::Put(_) => None,
    };
    PART + fields.map_or(0, map)
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::super::ExecutorClass;
    use super::*;

    #[test]
    fn texts_and_parts_both_weigh() {
        let mut request = V2JobRequest::new("uuid", ExecutorClass::AlwaysOnTest, "image");
        let empty = request.weight();
        assert!(empty > request.encode().len());
        request.docker_image.push_str(&"x".repeat(1000));
        assert_eq!(request.weight(), empty + 1000);
        // An escape is as long as it stands on the wire.
        request.docker_image.push('\n');
        assert_eq!(request.weight(), empty + 1002);
        let before = request.weight();
        request.args = alloc::vec![String::new(); 1000];
        assert!(request.weight() - before > 1000 * size_of::<String>());
    }

    #[test]
    fn no_part_is_larger_than_it_is_taken_for() {
        assert!(2 * size_of::<String>() <= TEXT);
        assert!(2 * size_of::<SingleVolume>() <= PART);
        assert!(2 * size_of::<SingleFileUpload>() <= PART);
    }
}
