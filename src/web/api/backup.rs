//! Sends a consistent copy of the running store.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_DISPOSITION, HeaderValue};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::{Answer, Call};
use crate::web::fields::Fields;
use crate::web::problem::Problem;
use crate::web::query::Query;
use crate::web::reply::{self, Body, Frames};
use crate::web::state::Api;

const CHUNK: usize = 128 << 10;

/// `POST /api/v1/backup`. One at a time. The copy lies in the data folder while it is made; once it
/// is open it has no name any more, so that nothing stays behind whatever happens.
pub async fn send(api: &Arc<Api>, call: &Call) -> Answer {
    Query::parse(&call.query, &[])?;
    Fields::parse(&call.body, &[])?;
    let permit = api.backups.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::conflict("A backup is being made. Wait until it is done."))?;
    let path = api.options().data_dir.join(format!("backup-{}.tmp", api.random.uuid_v4()));
    let copied = {
        let path = path.clone();
        api.read(move |store| store.backup(&path)).await
    };
    let opened = match copied {
        Ok(_) => open(&path).await,
        Err(problem) => {
            // A copy that broke off may be there or not.
            let _ = tokio::fs::remove_file(&path).await;
            return Err(problem);
        }
    };
    let (file, length) = opened.map_err(|error| {
        tracing::error!(%error, "the copy that was just made cannot be read");
        Problem::internal()
    })?;
    let (frames, body) = Body::stream_of(length);
    tokio::spawn(async move {
        pour(file, frames).await;
        drop(permit);
    });
    let mut reply = reply::typed(StatusCode::OK, "application/octet-stream", body);
    let name = HeaderValue::from_static("attachment; filename=\"fenicia-backup.redb\"");
    reply.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(reply)
}

async fn open(path: &PathBuf) -> io::Result<(File, u64)> {
    let file = File::open(path).await?;
    tokio::fs::remove_file(path).await?;
    let length = file.metadata().await?.len();
    Ok((file, length))
}

/// Ends early when the reader is gone; a read error tears the answer.
async fn pour(mut file: File, frames: Frames) {
    loop {
        let mut chunk = vec![0; CHUNK];
        let frame = match file.read(&mut chunk).await {
            Ok(0) => return,
            Ok(read) => {
                chunk.truncate(read);
                Ok(Bytes::from(chunk))
            }
            Err(error) => Err(error),
        };
        let torn = frame.is_err();
        if frames.send(frame).await.is_err() || torn {
            return;
        }
    }
}
