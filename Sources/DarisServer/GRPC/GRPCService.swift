import DarisCore
import Foundation
import GRPCCore
import GRPCProtobuf
internal import SwiftProtobuf

/// The Open Inference Protocol, version 2, over gRPC, without its inferences, which `GRPCInference` answers.
struct GRPCService: RegistrableRPCService {
    static let name = "inference.GRPCInferenceService"

    let service: InferenceService
    let version: String

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        let (service, version) = (service, version)
        unary(&router, "ServerLive") { (_: Inference_ServerLiveRequest) in
            Inference_ServerLiveResponse.with { $0.live = true }
        }
        unary(&router, "ServerReady") { (_: Inference_ServerReadyRequest) in
            Inference_ServerReadyResponse.with { $0.ready = service.isReady }
        }
        unary(&router, "ServerMetadata") { (_: Inference_ServerMetadataRequest) in
            Inference_ServerMetadataResponse(ServerMetadata(version: version))
        }
        unary(&router, "ModelReady") { (request: Inference_ModelReadyRequest) in
            // One that there is not is not ready either: clients ask that, too.
            let isReady = (try? service.isReady(request.name, version: request.version)) ?? false
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
    }

    private static func method(_ name: String) -> MethodDescriptor {
        MethodDescriptor(fullyQualifiedService: Self.name, method: name)
    }

    private func unary<Transport: ServerTransport, Input: Message, Output: Message>(
        _ router: inout RPCRouter<Transport>, _ name: String,
        _ body: @escaping @Sendable (Input) async throws(InferenceError) -> Output
    ) {
        router.registerHandler(
            forMethod: Self.method(name), deserializer: ProtobufDeserializer<Input>(),
            serializer: ProtobufSerializer<Output>()
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

extension RPCError {
    /// The protocol's code and words for an error.
    init(_ error: InferenceError) {
        let code: RPCError.Code =
            switch error.kind {
            case .invalid: .invalidArgument
            case .unsupported: .unimplemented
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
