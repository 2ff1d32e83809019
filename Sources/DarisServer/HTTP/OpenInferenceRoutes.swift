import DarisConfiguration
import DarisCore
import HTTPTypes
import Hummingbird
import NIOCore

/// The Open Inference Protocol, version 2, over HTTP, without its inferences, which `HTTPInference` answers.
struct OpenInferenceRoutes: Sendable {
    let service: InferenceService
    let version: String

    /// What a client is told that asks for something else.
    static let served =
        "v2, v2/health/{live,ready}, v2/models/NAME[/versions/N][/{ready,config,stats,infer}], v2/models/stats, "
        + "v2/repository/index, v2/repository/models/NAME/{load,unload}, "
        + "v2/systemsharedmemory[/region/NAME]/{status,register,unregister}, metrics and the page at /"

    func add(to routes: RouteGroups) {
        let health = routes.health.group("v2/health")
        health.get("live") { _, _ in HTTPReply.json(Liveness()) }
        health.get("ready") { _, _ in
            service.unreadiness.map { HTTPReply.error(InferenceService.notReady($0)) }
                ?? HTTPReply.json(Readiness())
        }
        let v2 = routes.inference.group("v2")
        v2.get("") { _, _ in HTTPReply.json(ServerMetadata(version: version)) }
        v2.get("models/stats") { _, _ in
            HTTPReply.json(StatisticsReport(models: service.all.map(StatisticsReport.Model.init)))
        }
        for path in ["models/:model", "models/:model/versions/:version"] {
            let model = v2.group(path)
            model.get("") { _, context in try reply(context) { HTTPReply.json(ModelMetadata($0)) } }
            model.get("config") { _, context in try reply(context) { HTTPReply.json(ModelConfiguration($0)) } }
            model.get("stats") { _, context in
                try reply(context) { HTTPReply.json(StatisticsReport(models: [StatisticsReport.Model($0)])) }
            }
            model.get("ready") { _, context in
                try reply(context) { model in
                    guard let reason = service.unavailability(of: model) else {
                        return HTTPReply.json(ModelReadiness(name: model.name))
                    }
                    return HTTPReply.error(InferenceError(.modelNotReady(model: model.name, reason: reason)))
                }
            }
            // `HTTPInference` takes those for models whose names can be read.
            model.post("infer") { _, _ in
                HTTPReply.error(InferenceError(.notFound, "the path names no model that there could be"))
            }
        }
        v2.post("repository/index") { request, context in
            context.proceed()
            guard let body = try? await request.body.collect(upTo: 1 << 16) else {
                return HTTPReply.error(InferenceError(.invalid, "the request has more than 64 KiB"))
            }
            do throws(InferenceError) {
                return HTTPReply.json(
                    service.index(isReadyOnly: try RequestDecoding.isReadyOnly(Array(body.readableBytesView))))
            } catch {
                return HTTPReply.error(error)
            }
        }
        addRefusals(to: v2)
        routes.control.post("v2/repository/models/:model/load") { request, context in
            await control(request, context) { name, parameters throws(InferenceError) in
                try await service.load(name, parameters)
            }
        }
        routes.control.post("v2/repository/models/:model/unload") { request, context in
            await control(request, context) { name, parameters throws(InferenceError) in
                try await service.unload(name, parameters)
            }
        }
    }

    // MARK: - What Triton has and this server has not

    static let noTraceSettings = InferenceError(
        .unsupported, "trace settings are not supported here; 'daris serve --record' and traceparent are")
    static let noLogSettings = InferenceError(
        .unsupported, "log settings are not supported here; they are options of 'daris serve'")
    private static let noGeneration = InferenceError(
        .unsupported, "generate is not supported here; use infer, which takes and answers tensors")

    private func addRefusals(to v2: RouteGroup) {
        func refuse(_ path: String, _ error: InferenceError, gets: Bool = true) {
            if gets { v2.get(path) { _, _ in HTTPReply.error(error) } }
            v2.post(path) { _, _ in HTTPReply.error(error) }
        }
        refuse("trace/setting", Self.noTraceSettings)
        refuse("models/:model/trace/setting", Self.noTraceSettings)
        refuse("logging", Self.noLogSettings)
        for path in ["models/:model/", "models/:model/versions/:version/"] {
            refuse(path + "generate", Self.noGeneration, gets: false)
            refuse(path + "generate_stream", Self.noGeneration, gets: false)
        }
    }

    private func reply(_ context: ServerContext, _ body: (ServedModel) -> Response) throws -> Response {
        do throws(InferenceError) {
            return body(
                try service.model(
                    context.parameter("model") ?? "",
                    // One that is no text is none of the model's.
                    version: context.parameters.get("version").map { $0.removingPercentEncoding ?? "?" }))
        } catch {
            return HTTPReply.error(error)
        }
    }
}

extension ServerContext {
    /// Has a client that waits for leave send its body.
    func proceed() { channel.triggerUserOutboundEvent(ConnectionSignal.proceed, promise: nil) }
}
