//! Which of a request's cookies go on to the service behind the site: its own, and none of ours. With the cookies of the
//! hops it could act as whoever asks, for as long as they last, and with a site's as long as the sign-in there does.
//! The proxies that can only replace a header as a whole replace `Cookie` by this.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::bearer::{COOKIE as ACCESS_COOKIE, REFRESH_COOKIE};

/// What the names of all our other cookies begin with.
const PREFIX: &str = "__Host-gatehouse";

/// The cookies of a request without ours; `None` where none is left.
#[must_use]
pub fn of_the_service(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
    let own: Vec<&[u8]> = pairs.filter(|pair| !pair.is_empty() && !is_ours(pair)).collect();
    let mut value = HeaderValue::from_bytes(&own.join(&b"; "[..])).ok().filter(|value| !value.is_empty())?;
    value.set_sensitive(true);
    Some(value)
}

fn is_ours(pair: &[u8]) -> bool {
    let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
    name == ACCESS_COOKIE.as_bytes() || name == REFRESH_COOKIE.as_bytes() || name.starts_with(PREFIX.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_left_its_own() {
        let left = |lines: &[&str]| {
            let lines = lines.iter().map(|line| (header::COOKIE, HeaderValue::from_str(line).unwrap()));
            of_the_service(&lines.collect()).map(|value| value.to_str().unwrap().to_owned())
        };
        for (lines, expected) in [
            (&["a=1; b=2"][..], Some("a=1; b=2")),
            (&["accessToken=x"], None),
            (&["a=1; accessToken=x; b=2", "refreshToken=y"], Some("a=1; b=2")),
            (&["accessToken =x;refreshToken=y;;  a = 1 "], Some("a = 1")),
            (&["__Host-gatehouse-site-ab12=x; __Host-gatehouse=y; __Host-other=z"], Some("__Host-other=z")),
            (&["xaccessToken=1; accessTokenX=2; accesstoken=3; a"], Some("xaccessToken=1; accessTokenX=2; accesstoken=3; a")),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(left(lines).as_deref(), expected, "{lines:?}");
        }
    }
}
