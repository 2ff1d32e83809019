import Hummingbird

extension OpenInferenceRoutes {
    /// Does what an operator asks for a model, whose name stands in the path and whose parameters in the body.
    func control(
        _ request: Request, _ context: ServerContext,
        _ body: (String, ControlParameters) async throws(InferenceError) -> Void
    ) async -> Response {
        context.proceed()
        guard let bytes = try? await request.body.collect(upTo: 1 << 20) else {
            return HTTPReply.error(
                InferenceError(
                    .invalid,
                    "the request has more than 1 MiB; models are read from the server's own files, not from requests ('file:…')"
                ))
        }
        do throws(InferenceError) {
            let parameters = try ControlParameters(json: Array(bytes.readableBytesView))
            try await body(context.parameters.get("model") ?? "", parameters)
            return HTTPReply.empty
        } catch {
            return HTTPReply.error(error)
        }
    }
}
