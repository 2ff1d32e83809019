import DarisCore
import Foundation
import GRPCCore
import GRPCProtobuf
internal import SwiftProtobuf

/// The Open Inference Protocol, version 2, over gRPC.
struct GRPCService: RegistrableRPCService {
    let service: InferenceService
    let version: String
    /// The bytes that an answer may have.
    let answerLimit: Int

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        let (service, version, answerLimit) = (service, version, answerLimit)
        unary(&router, "ServerLive") { (_: Inference_ServerLiveRequest) in
            Inference_ServerLiveResponse.with { $0.live = true }
        }
        unary(&router, "ServerReady") { (_: Inference_ServerReadyRequest) in
            Inference_ServerReadyResponse.with { $0.ready = service.isReady }
        }
        unary(&router, "ServerMetadata") { (_: Inference_ServerMetadataRequest) in
            Inference_ServerMetadataResponse(ServerMetadata(version: version))
        }
        unary(&router, "ModelReady") { (request: Inference_ModelReadyRequest) throws(InferenceError) in
            let isReady = try service.isReady(request.name, version: request.version)
            return Inference_ModelReadyResponse.with { $0.ready = isReady }
        }
        unary(&router, "ModelMetadata") { (request: Inference_ModelMetadataRequest) throws(InferenceError) in
            Inference_ModelMetadataResponse(
                ModelMetadata(try service.model(request.name, version: request.version)))
        }
        unary(&router, "ModelConfig") { (request: Inference_ModelConfigRequest) throws(InferenceError) in
            Inference_ModelConfigResponse(
                ModelConfiguration(try service.model(request.name, version: request.version)))
        }
        unary(&router, "ModelStatistics") { (request: Inference_ModelStatisticsRequest) throws(InferenceError) in
            let models =
                request.name.isEmpty ? service.all : [try service.model(request.name, version: request.version)]
            return Inference_ModelStatisticsResponse.with { $0.modelStats = models.map(Inference_ModelStatistics.init) }
        }
        unary(&router, "RepositoryIndex") { (request: Inference_RepositoryIndexRequest) in
            Inference_RepositoryIndexResponse.with {
                $0.models = service.index(isReadyOnly: request.ready)
                    .map { Inference_RepositoryIndexResponse.ModelIndex($0) }
            }
        }
        unary(&router, "RepositoryModelLoad") {
            (request: Inference_RepositoryModelLoadRequest) throws(InferenceError) in
            try await service.load(request.modelName, try ControlParameters(fields: request.unknownFields.data))
            return Inference_RepositoryModelLoadResponse()
        }
        unary(&router, "RepositoryModelUnload") {
            (request: Inference_RepositoryModelUnloadRequest) throws(InferenceError) in
            try await service.unload(request.modelName, try ControlParameters(fields: request.unknownFields.data))
            return Inference_RepositoryModelUnloadResponse()
        }
        unary(&router, "ModelInfer", InferCallDeserializer(), InferAnswerSerializer()) {
            (call) throws(InferenceError) in
            let response = try await service.cancellableInfer(call, answerLimit: answerLimit)
            return InferAnswer(
                message: Inference_ModelInferResponse(response), rawContents: response.outputs.map(\.bytes))
        }
        streams(&router)
    }

    /// Requests as they come on one call, each answered as soon as it is done. One that fails says so in its answer.
    private func streams<Transport: ServerTransport>(_ router: inout RPCRouter<Transport>) {
        let (service, answerLimit) = (service, answerLimit)
        router.registerHandler(
            forMethod: Self.method("ModelStreamInfer"),
            deserializer: InferCallDeserializer(),
            serializer: ProtobufSerializer<Inference_ModelStreamInferResponse>()
        ) { request, _ in
            StreamingServerResponse { writer in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    var running = 0
                    for try await call in request.messages {
                        // A stream has its share of what the server takes on.
                        if running >= Self.streamLimit {
                            try await group.next()
                            running -= 1
                        }
                        running += 1
                        group.addTask {
                            var answer = Inference_ModelStreamInferResponse()
                            do throws(InferenceError) {
                                let response = try await service.cancellableInfer(call, answerLimit: answerLimit)
                                answer.inferResponse = Inference_ModelInferResponse(response)
                                answer.inferResponse.rawOutputContents = response.outputs.map { Data($0.bytes) }
                            } catch {
                                answer.errorMessage = error.message
                                answer.inferResponse.id = call.message.id
                                answer.inferResponse.modelName = call.message.modelName
                            }
                            try await writer.write(answer)
                        }
                    }
                    try await group.waitForAll()
                }
                return [:]
            }
        }
    }

    /// The most requests of one stream at a time.
    private static let streamLimit = 64

    private static func method(_ name: String) -> MethodDescriptor {
        MethodDescriptor(fullyQualifiedService: "inference.GRPCInferenceService", method: name)
    }

    private func unary<Transport: ServerTransport, Input: Message, Output: Message>(
        _ router: inout RPCRouter<Transport>, _ name: String,
        _ body: @escaping @Sendable (Input) async throws(InferenceError) -> Output
    ) {
        unary(&router, name, ProtobufDeserializer<Input>(), ProtobufSerializer<Output>(), body)
    }

    private func unary<
        Transport: ServerTransport, Deserializer: MessageDeserializer, Serializer: MessageSerializer
    >(
        _ router: inout RPCRouter<Transport>, _ name: String, _ deserializer: Deserializer, _ serializer: Serializer,
        _ body: @escaping @Sendable (Deserializer.Message) async throws(InferenceError) -> Serializer.Message
    ) where Deserializer.Message: Sendable, Serializer.Message: Sendable {
        router.registerHandler(
            forMethod: Self.method(name), deserializer: deserializer, serializer: serializer
        ) { request, _ in
            let request = try await ServerRequest(stream: request)
            do throws(InferenceError) {
                return StreamingServerResponse(single: ServerResponse(message: try await body(request.message)))
            } catch {
                return StreamingServerResponse(error: RPCError(error))
            }
        }
    }
}

extension InferenceService {
    /// Runs a request of a call, which gives it up when its client does: gRPC does not cancel the Swift task for that.
    fileprivate func cancellableInfer(
        _ call: InferCall, answerLimit: Int
    ) async throws(InferenceError) -> InferenceResponse {
        var request: InferenceRequest
        do throws(InferenceError) {
            request = try InferenceRequest(call)
            // The call's own deadline is the request's, unless that says another.
            if let end = RequestTag.current?.end, request.timeout == nil {
                request.timeout = max(Nanoseconds(1), Nanoseconds(ContinuousClock.now.duration(to: end)))
            }
        } catch {
            unread(error, model: call.message.modelName, version: call.message.modelVersion)
            throw error
        }
        let cancellation = Cancellation()
        return try await withRPCCancellationHandler { [request] () async throws(InferenceError) -> InferenceResponse in
            let response = try await infer(request, cancellation: cancellation)
            guard response.outputs.reduce(0, { $0 + $1.bytes.count }) <= answerLimit else {
                throw ResponseEncoding.tooLarge(limit: answerLimit)
            }
            return response
        } onCancelRPC: {
            cancellation.cancel()
        }
    }
}

extension RPCError {
    /// The protocol's code and words for an error.
    init(_ error: InferenceError) {
        let code: RPCError.Code =
            switch error.kind {
            case .invalid: .invalidArgument
            case .unauthorised: .unauthenticated
            case .forbidden: .permissionDenied
            case .notFound: .notFound
            case .refused: .resourceExhausted
            case .tooLate: .deadlineExceeded
            case .cancelled: .cancelled
            case .failed: .internalError
            }
        var metadata = Metadata()
        if let retryAfter = error.retryAfter {
            metadata.addString("\(Int(retryAfter.inSeconds * 1_000))", forKey: "retry-after-ms")
        }
        self.init(code: code, message: error.message, metadata: metadata)
    }
}
