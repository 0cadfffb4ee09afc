//! Customers' pictures: upload, the page that waits for the thumbnail, the thumbnail.
//!
//! It must never answer "taken" before the picture is committed and its job confirmed; what could not be queued is taken back.

use std::time::Duration;

use askama::Template;
use axum::Json;
use axum::body::Bytes;
use axum::extract::multipart::MultipartRejection;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Extension, Multipart, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use super::Shop;
use super::api::error;
use super::frame::{Frame, failed, make_public, page, read_failed, with_node};
use super::observe::Started;
use crate::catalogue;
use crate::db::failure::Failure;
use crate::db::pictures::{self, Picture, State as PictureState, Upload};
use crate::db::reads::Product;
use crate::queue::QueueError;
use crate::thumbnail;

/// Bytes of an upload.
pub const LARGEST: usize = 4 * 1024 * 1024;
/// From the first byte of an upload to its answer: one that trickles must not keep the others waiting for ever.
const TURN: Duration = Duration::from_secs(45);
const QUEUED: Duration = Duration::from_secs(4);
/// A thumbnail never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

#[derive(Template)]
#[template(path = "upload.html")]
struct UploadPage<'a> {
    frame: Frame<'a>,
    product: &'a Product,
    key: Uuid,
    declared: bool,
}

#[derive(Template)]
#[template(path = "picture.html")]
struct PicturePage<'a> {
    frame: Frame<'a>,
    picture: &'a Picture,
    waiting: bool,
    ready: bool,
    reason: Option<&'a str>,
}

/// Why an upload was not taken.
enum Refusal {
    Unfit(String),
    NoSuchProduct,
    KeyTaken,
    Queue(QueueError),
    Database(Failure),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unfit(_) | Self::NoSuchProduct => StatusCode::UNPROCESSABLE_ENTITY,
            Self::KeyTaken => StatusCode::CONFLICT,
            Self::Queue(_) | Self::Database(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Unfit(sentence) => sentence.clone(),
            Self::NoSuchProduct => "There is no such product.".to_owned(),
            Self::KeyTaken => "This key belongs to another picture.".to_owned(),
            Self::Queue(QueueError::Off) => "This shop takes no pictures: it has no queue for the work on them.".to_owned(),
            Self::Queue(_) => {
                "Your picture was not taken: the queue for the work on it does not answer just now. Orders go on; try again in a moment."
                    .to_owned()
            }
            Self::Database(_) => "Your picture was not taken: the shop has no database just now.".to_owned(),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Unfit(_) | Self::NoSuchProduct | Self::KeyTaken => "refused",
            Self::Queue(_) => "no_queue",
            Self::Database(_) => "no_database",
        }
    }
}

/// Each upload is in memory more than once, so only a few are read at a time; the others wait before their first byte.
pub async fn in_turn(State(shop): super::State, request: Request, next: Next) -> Response {
    let _turn = shop.uploads.acquire().await;
    let answer = timeout(TURN, next.run(request)).await;
    answer.unwrap_or_else(|_| error(StatusCode::REQUEST_TIMEOUT, "The picture did not arrive in time."))
}

async fn take(shop: &Shop, id: Uuid, product: i64, original: Vec<u8>) -> Result<(), Refusal> {
    let media_type = thumbnail::media_type(&original).map_err(Refusal::Unfit)?;
    shop.queue.ready().await.map_err(Refusal::Queue)?;
    let databases = shop.databases().map_err(Refusal::Database)?;
    let upload = Upload { id, product, media_type, original, pod: shop.pod.clone() };
    match pictures::keep(&databases.write, &upload, shop.limits.write_deadline).await.map_err(Refusal::Database)? {
        Some(true) => {}
        Some(false) => return Err(Refusal::KeyTaken),
        None => return Err(Refusal::NoSuchProduct),
    }
    if let Err(failure) = shop.queue.publish(id.to_string().as_bytes(), QUEUED).await {
        tracing::warn!(%id, error = %failure, "an upload is taken back");
        if let Err(kept) = pictures::take_back(&databases.write, id, shop.limits.read_deadline).await {
            tracing::warn!(%id, error = %kept, "an upload without a job stays; sent again with its key it gets one");
        }
        return Err(Refusal::Queue(failure));
    }
    Ok(())
}

async fn upload(shop: &Shop, id: Uuid, product: i64, original: Vec<u8>) -> Result<(), Refusal> {
    let ended = take(shop, id, product, original).await;
    shop.metrics.upload(ended.as_ref().map_or_else(Refusal::word, |()| "taken"));
    if let Err(refusal) = &ended {
        let because = match refusal {
            Refusal::Queue(error) => error.to_string(),
            Refusal::Database(failure) => failure.to_string(),
            other => other.sentence(),
        };
        tracing::info!(%id, because, "upload refused");
    }
    ended
}

/// `GET /products/{id}/picture`: the form, with the key that makes an upload one however often it is sent.
pub async fn form(
    State(shop): super::State,
    Extension(started): Extension<Started>,
    id: Result<Path<i64>, PathRejection>,
) -> Response {
    let found = match id {
        Ok(Path(id)) => catalogue::product(&shop, id).await,
        Err(_) => Ok(None),
    };
    match found {
        Ok(Some((product, _, source))) => {
            let frame = Frame::cached("Add a picture", &shop, &source, started);
            page(
                StatusCode::OK,
                &UploadPage { frame, product: &product, key: Uuid::new_v4(), declared: shop.queue.declared() },
            )
        }
        Ok(None) => failed(&shop, started, StatusCode::NOT_FOUND, "There is no such product.", None),
        Err(failure) => read_failed(&shop, started, &failure),
    }
}

/// `POST /pictures`, the form.
pub async fn upload_form(
    State(shop): super::State,
    Extension(started): Extension<Started>,
    form: Result<Multipart, MultipartRejection>,
) -> Response {
    let read = async {
        let mut form = form.map_err(|_| "This form is not complete.".to_owned())?;
        let (mut key, mut product, mut picture) = (None, None, None);
        while let Some(field) = form.next_field().await.map_err(|error| error.body_text())? {
            match field.name() {
                Some("key") => key = field.text().await.ok().and_then(|text| Uuid::parse_str(&text).ok()),
                Some("product") => product = field.text().await.ok().and_then(|text| text.parse::<i64>().ok()),
                Some("picture") => picture = Some(field.bytes().await.map_err(|_| too_large())?),
                _ => {}
            }
        }
        key.zip(product).zip(picture).ok_or_else(|| "This form is not complete.".to_owned())
    };
    let ((key, product), picture) = match read.await {
        Ok(read) => read,
        Err(message) => return failed(&shop, started, StatusCode::UNPROCESSABLE_ENTITY, &message, None),
    };
    match upload(&shop, key, product, picture.into()).await {
        Ok(()) => Redirect::to(&format!("/pictures/{key}")).into_response(),
        Err(refusal) => failed(&shop, started, refusal.status(), &refusal.sentence(), None),
    }
}

fn too_large() -> String {
    format!("A picture may have {} MiB.", LARGEST / 1024 / 1024)
}

/// Query of `POST /api/pictures`.
#[derive(Debug, Deserialize)]
pub struct Meant {
    /// Number of the product.
    pub product: i64,
    /// The client's key; without one a picture sent twice is two.
    #[serde(default = "Uuid::new_v4")]
    pub key: Uuid,
}

/// `POST /api/pictures?product=N&key=UUID` with the picture as its body: 202 when it is committed and its job confirmed.
pub async fn upload_api(
    State(shop): super::State,
    meant: Result<Query<Meant>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(Query(Meant { product, key })) = meant else {
        return error(StatusCode::BAD_REQUEST, "product is a number, key a UUID");
    };
    let Ok(body) = body else { return error(StatusCode::PAYLOAD_TOO_LARGE, &too_large()) };
    match upload(&shop, key, product, body.into()).await {
        Ok(()) => {
            let answer = json!({"id": key, "product": product, "pod": shop.pod});
            (StatusCode::ACCEPTED, [(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
        }
        Err(refusal) => error(refusal.status(), &refusal.sentence()),
    }
}

async fn found(shop: &Shop, id: Uuid) -> Result<Option<crate::db::reads::Answer<Picture>>, Failure> {
    pictures::state(&shop.databases()?.write, id, shop.limits.read_deadline).await
}

/// `GET /pictures/{id}`: looks again by itself until the thumbnail is there.
pub async fn picture(
    State(shop): super::State,
    Extension(started): Extension<Started>,
    id: Result<Path<Uuid>, PathRejection>,
) -> Response {
    let found = match id {
        Ok(Path(id)) => found(&shop, id).await,
        Err(_) => Ok(None),
    };
    match found {
        Ok(Some(answer)) => {
            let content = PicturePage {
                frame: Frame::new("A picture", &shop, Some(&answer.node), started),
                picture: &answer.rows,
                waiting: answer.rows.state == PictureState::Waiting,
                ready: answer.rows.state == PictureState::Ready,
                reason: match &answer.rows.state {
                    PictureState::Refused { reason } => Some(reason),
                    _ => None,
                },
            };
            let response = page(StatusCode::OK, &content);
            with_node(response, answer.node)
        }
        Ok(None) => failed(&shop, started, StatusCode::NOT_FOUND, "There is no such picture.", None),
        Err(failure) => read_failed(&shop, started, &failure),
    }
}

/// `GET /api/pictures/{id}`.
pub async fn picture_api(State(shop): super::State, id: Result<Path<Uuid>, PathRejection>) -> Response {
    let Ok(Path(id)) = id else { return error(StatusCode::NOT_FOUND, "no such picture") };
    match found(&shop, id).await {
        Ok(Some(answer)) => {
            let response = ([(header::CACHE_CONTROL, "no-store")], Json(answer.rows)).into_response();
            with_node(response, answer.node)
        }
        Ok(None) => error(StatusCode::NOT_FOUND, "no such picture"),
        Err(failure) => error(StatusCode::SERVICE_UNAVAILABLE, &failure.to_string()),
    }
}

/// `GET /pictures/{id}/thumbnail`.
pub async fn thumbnail(State(shop): super::State, id: Result<Path<Uuid>, PathRejection>) -> Response {
    let Ok(Path(id)) = id else { return error(StatusCode::NOT_FOUND, "no such picture") };
    let read = async { pictures::thumbnail(&shop.databases()?.read, id, shop.limits.read_deadline).await };
    match read.await {
        Ok(Some(jpeg)) => {
            let mut response = ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response();
            make_public(&mut response, FOR_EVER, &format!("picture-{id}"));
            response
        }
        Ok(None) => error(StatusCode::NOT_FOUND, "not there yet"),
        Err(failure) => error(StatusCode::SERVICE_UNAVAILABLE, &failure.to_string()),
    }
}
