import HTTPTypes
import Hummingbird
import NIOCore

/// What operators look at: the live page, its events, and the metrics.
struct LiveRoutes: Sendable {
    let service: InferenceService
    let feed: LiveFeed
    let version: String
    let connections: ConnectionTable

    func add(to routes: RouteGroups) {
        let page = LivePage()
        routes.health.get("/") { _, _ in page.response() }
        routes.inference.get("metrics") { _, _ in metrics() }
        routes.inference.get("v2/daris/live") { _, context in live(context) }
    }

    private func metrics() -> Response {
        let page = MetricsPage(
            version: version, isReady: service.isReady, requestsInFlight: service.requestsInFlight,
            watchers: feed.watchers, droppedLogLines: service.droppedLogLines(), models: service.all,
            connections: service.connections, subject: service.subject)
        var response = Response(
            status: .ok, headers: LivePage.guards, body: .init(byteBuffer: ByteBuffer(bytes: page.text())))
        response.headers[.contentType] = PrometheusText.contentType
        return response
    }

    private func live(_ context: ServerContext) -> Response {
        guard let subject = service.subject else { return HTTPReply.error(InferenceService.notReady(.loading)) }
        let channel = context.channel
        let seat: LiveFeed.Seat
        do throws(InferenceError) {
            seat = try feed.join { channel.close(promise: nil) }
        } catch {
            return HTTPReply.error(error)
        }
        guard let watch = connections.watch(channel, onClose: { feed.leave(seat) }) else {
            feed.leave(seat)
            return HTTPReply.error(InferenceError(.cancelled, "the client has gone"))
        }
        var response = Response(
            status: .ok, headers: LivePage.guards,
            body: ResponseBody { writer in
                defer {
                    feed.leave(seat)
                    connections.forget(watch, of: channel)
                }
                try await writer.write(LiveEvents.plan(subject.plan, version: version))
                for await event in seat.events { try await writer.write(event) }
                try await writer.finish(nil)
            })
        response.headers[.contentType] = LiveEvents.contentType
        return response
    }
}

extension LiveFeed {
    /// The feed of a service.
    convenience init(_ service: InferenceService) {
        self.init {
            // A producer's first event has the stages of the last moments, each later one those since the one before.
            var seen: Int?
            return {
                guard let view = service.subject?.view() else { return nil }
                defer { seen = view.stagesEnded }
                return LiveEvents.view(
                    view, since: seen ?? view.stagesEnded - view.recent.count, isReady: service.isReady,
                    requestsInFlight: service.requestsInFlight, totals: service.totals)
            }
        }
    }
}
