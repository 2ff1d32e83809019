import DarisCore
import DarisRuntime
import HTTPTypes
import Hummingbird
import NIOCore

/// What operators look at: the live page, and its events.
struct LiveRoutes: Sendable {
    let service: InferenceService
    let feed: LiveFeed
    let version: String
    let connections: ConnectionTable

    func add(to routes: RouteGroups) {
        let page = LivePage()
        routes.health.get("/") { _, _ in page.response() }
        routes.inference.get("v2/daris/live") { _, context in live(context) }
    }

    private func live(_ context: ServerContext) -> Response {
        guard let subject = service.subject else {
            return HTTPReply.error(InferenceService.notReady(service.obstacle ?? .ending))
        }
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
    convenience init(_ service: InferenceService, version: String) {
        self.init {
            // A producer's first event has the stages of the last moments, each later one those since the one before.
            var (seen, revision): (Int?, Int?)
            return {
                guard let subject = service.subject else { return nil }
                let view = subject.view()
                defer { (seen, revision) = (view.stagesEnded, subject.revision) }
                let event = LiveEvents.view(
                    view, since: seen ?? view.stagesEnded - view.recent.count, isReady: service.isReady,
                    requestsInFlight: service.requestsInFlight, totals: service.totals, models: service.all)
                guard let revision, revision != subject.revision else { return event }
                // Models have come or gone, which the plan says.
                var both = LiveEvents.plan(subject.plan, version: version)
                both.writeImmutableBuffer(event)
                return both
            }
        }
    }
}

/// A running system as those who watch it see it.
struct LiveSubject: Sendable {
    /// What it is made of.
    var plan: RunPlan
    /// How often that has changed.
    var revision = 0
    /// What it does now; costs nothing however often it is asked for (`Executor.view`).
    let view: @Sendable () -> SystemView
    /// The energy that its device has used; `nil` where it is not counted. Asks the device, so only metrics do.
    var energy: @Sendable () -> EnergyUse? = { nil }
}

/// The page at `/`: one document with all that it needs. It holds no data; those come by the event stream.
struct LivePage: Sendable {
    /// The document before and after each place where this answer's nonce goes.
    private let pieces: [ByteBuffer]

    init() {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        let document = text(PackageResources.page_html)
            .replacing("{{style}}", with: text(PackageResources.page_css), maxReplacements: 1)
            .replacing(
                "{{script}}",
                with: [
                    PackageResources.stream_js, PackageResources.timeline_js, PackageResources.models_js,
                    PackageResources.past_js, PackageResources.page_js,
                ].map(text).joined(separator: "\n"), maxReplacements: 1)
        pieces = document.split(separator: "{{nonce}}", omittingEmptySubsequences: false)
            .map { ByteBuffer(string: String($0)) }
    }

    func response() -> Response {
        let nonce = (0..<2).map { _ in String(UInt64.random(in: .min ... .max), radix: 36) }.joined()
        var body = ByteBuffer()
        for (index, piece) in pieces.enumerated() {
            if index > 0 { body.writeString(nonce) }
            body.writeImmutableBuffer(piece)
        }
        // Nothing but what is in the document, and the one connection back here.
        let policy = """
            default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; connect-src 'self'; \
            img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
            """
        var response = Response(status: .ok, headers: Self.guards, body: .init(byteBuffer: body))
        response.headers[.contentType] = "text/html; charset=utf-8"
        response.headers[.contentSecurityPolicy] = policy
        return response
    }

    /// What every answer has that a browser may show: no other origin may read it, and no cache keeps it.
    static let guards: HTTPFields = [
        .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
        HTTPField.Name("Referrer-Policy")!: "no-referrer",
        HTTPField.Name("Cross-Origin-Resource-Policy")!: "same-origin",
        HTTPField.Name("X-Frame-Options")!: "DENY",
    ]
}
