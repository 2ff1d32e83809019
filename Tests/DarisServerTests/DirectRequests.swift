import NIOCore

@testable import DarisServer

extension InferenceService {
    /// Runs a request that comes by no protocol. Cancelling the Swift task gives it up.
    func infer(_ request: InferenceRequest) async throws(InferenceError) -> InferenceResponse {
        let call = try InferenceCall(
            self, model: request.model, version: request.version, arrival: .now(),
            tag: RequestTag.current ?? RequestTag(id: nil, traceParent: nil))
        let result: Result<InferenceResponse, InferenceError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in call.run(request) { continuation.resume(returning: $0) } }
        } onCancel: {
            call.cancel()
        }
        call.answered(result.failure)
        return try result.get()
    }

    /// Asks whether a request would be refused, and has it refused then.
    func admit(model: String) throws(InferenceError) {
        let call = try InferenceCall(
            self, model: model, version: nil, arrival: .now(), tag: RequestTag(id: nil, traceParent: nil))
        do throws(InferenceError) { try call.admit(priority: nil, timeout: nil) } catch {
            call.answered(error)
            throw error
        }
    }
}
