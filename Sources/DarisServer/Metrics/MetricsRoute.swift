import Hummingbird
import NIOCore

/// The metrics, for Prometheus.
struct MetricsRoute: Sendable {
    let service: InferenceService
    let feed: LiveFeed
    let version: String
    /// Whether Triton's are told, too.
    let triton: Bool

    func add(to routes: RouteGroups) { routes.inference.get("metrics") { _, _ in response() } }

    private func response() -> Response {
        let page = MetricsPage(
            version: version, isReady: service.isReady, requestsInFlight: service.requestsInFlight,
            watchers: feed.watchers, droppedLogLines: service.droppedLogLines(), models: service.all,
            connections: service.connections, subject: service.subject, triton: triton)
        var response = Response(
            status: .ok, headers: LivePage.guards, body: .init(byteBuffer: ByteBuffer(bytes: page.text())))
        response.headers[.contentType] = PrometheusText.contentType
        return response
    }
}
