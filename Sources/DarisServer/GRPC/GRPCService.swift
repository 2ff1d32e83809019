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
    /// Why shared memory is not for the clients of this listener; `nil` if it is.
    let sharedMemoryRefusal: InferenceError?

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
        registerSharedMemory(with: &router)
        for (name, what) in Self.refused {
            unary(&router, name) { (_: Inference_UnreadRequest) throws(InferenceError) -> Inference_EmptyResponse in
                throw what
            }
        }
    }

    /// What Triton has and this server has not, by method.
    private static var refused: [(String, InferenceError)] {
        [
            ("CudaSharedMemoryRegister", SharedMemoryRegions.noCUDA),
            ("TraceSetting", OpenInferenceRoutes.noTraceSettings),
            ("LogSettings", OpenInferenceRoutes.noLogSettings),
        ]
    }

    private func registerSharedMemory<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        let (regions, refusal) = (service.sharedMemory, sharedMemoryRefusal)
        @Sendable func name(_ name: String) -> String? { name.isEmpty ? nil : name }
        unary(&router, "SystemSharedMemoryStatus") {
            (request: Inference_SystemSharedMemoryStatusRequest) throws(InferenceError) in
            if let refusal { throw refusal }
            return Inference_SystemSharedMemoryStatusResponse(try regions.status(name(request.name)))
        }
        unary(&router, "SystemSharedMemoryRegister") {
            (request: Inference_SystemSharedMemoryRegisterRequest) throws(InferenceError) in
            if let refusal { throw refusal }
            try regions.register(
                name: request.name, key: request.key, offset: Int(clamping: request.offset),
                byteCount: Int(clamping: request.byteSize))
            return Inference_SystemSharedMemoryRegisterResponse()
        }
        unary(&router, "SystemSharedMemoryUnregister") {
            (request: Inference_SystemSharedMemoryUnregisterRequest) throws(InferenceError) in
            if let refusal { throw refusal }
            regions.unregister(name(request.name))
            return Inference_SystemSharedMemoryUnregisterResponse()
        }
        // There are none, and there will be none.
        unary(&router, "CudaSharedMemoryStatus") {
            (request: Inference_SystemSharedMemoryStatusRequest) throws(InferenceError) in
            if let refusal { throw refusal }
            guard request.name.isEmpty else { throw SharedMemoryRegions.unknownCUDA(request.name) }
            return Inference_EmptyResponse()
        }
        unary(&router, "CudaSharedMemoryUnregister") { (_: Inference_UnreadRequest) throws(InferenceError) in
            if let refusal { throw refusal }
            return Inference_EmptyResponse()
        }
    }

    /// What is served under the service's name, the inferences included.
    static let methods = [
        "CudaSharedMemoryRegister", "CudaSharedMemoryStatus", "CudaSharedMemoryUnregister", "LogSettings",
        "ModelConfig",
        "ModelInfer", "ModelMetadata", "ModelReady", "ModelStatistics", "ModelStreamInfer", "RepositoryIndex",
        "RepositoryModelLoad", "RepositoryModelUnload", "ServerLive", "ServerMetadata", "ServerReady",
        "SystemSharedMemoryRegister", "SystemSharedMemoryStatus", "SystemSharedMemoryUnregister", "TraceSetting",
    ]

    private static func method(_ name: String) -> MethodDescriptor {
        precondition(methods.contains(name), "every method is one of those that clients are told of: \(name)")
        return MethodDescriptor(fullyQualifiedService: Self.name, method: name)
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
