//! The pages' stylesheet, script and mark: embedded in the binary and served under names that hold a digest of their
//! content, so that browsers may keep them for ever. They are below `/.gatehouse/`, which proxies also send here for the
//! sites that they guard: a page of ours on a site's host finds them there.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::secret;

/// A file in the binary.
#[derive(Debug)]
pub struct Asset {
    stem: &'static str,
    extension: &'static str,
    media_type: &'static str,
    content: &'static str,
    digest: LazyLock<String>,
}

macro_rules! asset {
    ($stem:literal, $extension:literal, $media_type:literal) => {{
        const CONTENT: &str = include_str!(concat!("../templates/assets/", $stem, ".", $extension));
        Asset {
            stem: $stem,
            extension: $extension,
            media_type: $media_type,
            content: CONTENT,
            digest: LazyLock::new(|| short_digest(CONTENT)),
        }
    }};
}

/// What every page looks like.
pub static STYLESHEET: Asset = asset!("gatehouse", "css", "text/css; charset=utf-8");
/// What the admin pages have beside that.
pub static ADMIN_STYLESHEET: Asset = asset!("admin", "css", "text/css; charset=utf-8");
/// The mark, also the favicon.
pub static MARK: Asset = asset!("mark", "svg", "image/svg+xml");
/// Submits `form_post.html` without a click.
pub static POST_SCRIPT: Asset = asset!("post", "js", "text/javascript; charset=utf-8");
/// Copies the values that admin pages have for consoles elsewhere.
pub static COPY_SCRIPT: Asset = asset!("copy", "js", "text/javascript; charset=utf-8");

/// Looks at a provider while its settings are typed.
pub static CHECK_SCRIPT: Asset = asset!("check", "js", "text/javascript; charset=utf-8");

/// Has the values to copy follow the name that is typed.
pub static FOLLOW_SCRIPT: Asset = asset!("follow", "js", "text/javascript; charset=utf-8");

/// Brings what is done up to date on a guest's page.
pub static TICKS_SCRIPT: Asset = asset!("ticks", "js", "text/javascript; charset=utf-8");

static ALL: [&Asset; 8] =
    [&STYLESHEET, &ADMIN_STYLESHEET, &MARK, &POST_SCRIPT, &COPY_SCRIPT, &CHECK_SCRIPT, &FOLLOW_SCRIPT, &TICKS_SCRIPT];

/// 72 bits name a version of a file; it is no secret.
fn short_digest(content: &str) -> String {
    secret::digest(content).chars().take(12).collect()
}

impl Asset {
    /// Where this version of the file is served: `/.gatehouse/assets/{stem}.{digest}.{extension}`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/.gatehouse/assets/{}.{}.{}", self.stem, *self.digest, self.extension)
    }

    fn answer(&self, digest: &str, request: &HeaderMap) -> Response {
        // Another digest is another version's page: nodes are upgraded one by one, and a page in today's style is
        // better than one in none. Only the exact name may be kept for ever.
        let keep = if digest == *self.digest { "public, max-age=31536000, immutable" } else { "no-cache" };
        let tag = format!("\"{}\"", *self.digest);
        let known = request.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
        let is_known =
            known.is_some_and(|v| v.split(',').any(|t| matches!(t.trim(), "*") || t.trim().trim_start_matches("W/") == tag));
        let headers: [(HeaderName, &str); 5] = [
            (header::CONTENT_TYPE, self.media_type),
            (header::CACHE_CONTROL, keep),
            (header::ETAG, &tag),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        ];
        match is_known {
            true => (StatusCode::NOT_MODIFIED, headers).into_response(),
            false => (headers, self.content).into_response(),
        }
    }
}

/// `GET /.gatehouse/assets/{name}`.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/.gatehouse/assets/{name}", get(serve))
}

async fn serve(Path(name): Path<String>, request: HeaderMap) -> Response {
    let found = ALL.iter().find_map(|asset| {
        let digest = name.strip_prefix(asset.stem)?.strip_prefix('.')?.strip_suffix(asset.extension)?.strip_suffix('.')?;
        Some(asset.answer(digest, &request))
    });
    found.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    use super::*;

    async fn ask(path: &str, tag: Option<&str>) -> Response {
        let mut request = Request::get(path);
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        routes::<()>().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_version_is_kept_for_ever_and_another_is_not() {
        for asset in ALL {
            let answer = ask(&asset.path(), None).await;
            assert_eq!(answer.status(), StatusCode::OK, "{}", asset.path());
            assert_eq!(answer.headers()[header::CONTENT_TYPE], asset.media_type);
            assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert!(answer.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
            let tag = answer.headers()[header::ETAG].to_str().unwrap().to_owned();
            for tag in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
                assert_eq!(ask(&asset.path(), Some(&tag)).await.status(), StatusCode::NOT_MODIFIED);
            }
            assert_eq!(ask(&asset.path(), Some("\"x\"")).await.status(), StatusCode::OK);
            let older = ask(&format!("/.gatehouse/assets/{}.older.{}", asset.stem, asset.extension), None).await;
            assert_eq!((older.status(), &older.headers()[header::CACHE_CONTROL]), (StatusCode::OK, &"no-cache".parse().unwrap()));
        }
        for path in [
            "/.gatehouse/assets/",
            "/.gatehouse/assets/gatehouse",
            "/.gatehouse/assets/gatehouse.css",
            "/.gatehouse/assets/..%2flayout.html",
            "/.gatehouse/assets/nothing.x.css",
        ] {
            assert_eq!(ask(path, None).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
