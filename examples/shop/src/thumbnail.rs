//! From an uploaded picture to its thumbnail, in memory. It must never trust a picture's own word on its size before the limits are set.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader, Limits};

/// Longest side of a thumbnail, in pixels.
pub const SIDE: u32 = 320;
/// Longest side of a picture that is taken, in pixels.
const LONGEST: u32 = 8000;
/// Pixels of a picture that is taken: a telephone's, decoded within 40 MB.
const MOST_PIXELS: u32 = 12_500_000;
/// What decoding may take, in bytes.
const DECODED: u64 = 64 * 1024 * 1024;

/// The media type of a picture that can be worked on, from its first bytes.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn media_type(bytes: &[u8]) -> Result<&'static str, String> {
    let mut reader = reader(bytes)?;
    // Only the head is read here, and its numbers are judged below.
    reader.no_limits();
    let kind = match reader.format() {
        Some(ImageFormat::Jpeg) => "image/jpeg",
        Some(ImageFormat::Png) => "image/png",
        Some(ImageFormat::WebP) => "image/webp",
        _ => return Err("This is not a JPEG, PNG or WebP picture.".to_owned()),
    };
    match reader.into_dimensions() {
        Ok((width, height)) if width.max(height) <= LONGEST && width.saturating_mul(height) <= MOST_PIXELS => Ok(kind),
        Ok((width, height)) => Err(format!(
            "{width} x {height} pixels are too many: at most {LONGEST} each way and {MOST_PIXELS} together."
        )),
        Err(_) => Err("The picture's head cannot be read.".to_owned()),
    }
}

/// A JPEG no longer than [`SIDE`] either way.
///
/// # Errors
/// A sentence that says why there is none; another try would say the same.
pub fn make(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let picture = reader(bytes)?.decode().map_err(|error| format!("The picture cannot be decoded: {error}."))?;
    let small = DynamicImage::ImageRgb8(picture.thumbnail(SIDE, SIDE).to_rgb8());
    let mut jpeg = Cursor::new(Vec::new());
    small
        .write_to(&mut jpeg, ImageFormat::Jpeg)
        .map_err(|error| format!("The thumbnail cannot be written: {error}."))?;
    Ok(jpeg.into_inner())
}

fn reader(bytes: &[u8]) -> Result<ImageReader<Cursor<&[u8]>>, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST);
    limits.max_image_height = Some(LONGEST);
    limits.max_alloc = Some(DECODED);
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|_| "The picture cannot be read.".to_owned())?;
    reader.limits(limits);
    Ok(reader)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height).write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_thumbnail_keeps_the_shape() {
        assert_eq!(media_type(&png(800, 400)), Ok("image/png"));
        let jpeg = make(&png(800, 400)).unwrap();
        let small = image::load_from_memory(&jpeg).unwrap();
        assert_eq!((small.width(), small.height()), (SIDE, SIDE / 2));
        assert_eq!(media_type(&jpeg), Ok("image/jpeg"));
    }

    #[test]
    fn what_is_no_picture_is_refused_with_a_sentence() {
        assert!(media_type(b"hello").unwrap_err().contains("not a JPEG"));
        assert!(media_type(&png(8001, 1)).unwrap_err().contains("8001 x 1"));
        let mut torn = png(300, 300);
        torn.truncate(60);
        assert!(make(&torn).unwrap_err().contains("cannot be decoded"));
    }
}
