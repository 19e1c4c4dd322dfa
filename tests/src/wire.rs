//! Requests as bytes, for clients that do not finish them.

/// `request` as HTTP/1.1 has it; its body has to be no stream.
///
/// # Panics
/// When a header is no text.
#[must_use]
pub fn on_the_wire(request: &reqwest::Request) -> Vec<u8> {
    let url = request.url();
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let headers = request.headers().iter();
    let lines = [
        format!("{} {} HTTP/1.1", request.method(), url.path()),
        format!("host: {}", url.authority()),
        format!("content-length: {}", body.len()),
    ];
    let given = headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    let head: Vec<_> = lines.into_iter().chain(given).collect();
    let mut bytes = format!("{}\r\n\r\n", head.join("\r\n")).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
