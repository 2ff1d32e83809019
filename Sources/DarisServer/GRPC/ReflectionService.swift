import GRPCCore
internal import SwiftProtobuf

/// Tells clients such as grpcurl which services, methods and messages the server has (`grpc.reflection.v1`, `v1alpha`).
struct ReflectionService: RegistrableRPCService {
    static let names = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]

    /// The longest name that is looked up and sent back.
    private static let nameLimit = 1_024

    private let services: [String]
    /// Descriptors by file, and those that each needs.
    private let files: [String: (bytes: [UInt8], dependencies: [String])]
    /// The file of each service, method, message, field and value.
    private let fileOfSymbol: [String: String]

    init() throws {
        let set = try Google_Protobuf_FileDescriptorSet(serializedBytes: PackageResources.services_protoset)
        var files: [String: (bytes: [UInt8], dependencies: [String])] = [:]
        var symbols: [String: String] = [:]
        var services: [String] = []
        for file in set.file {
            files[file.name] = (try file.serializedBytes(), file.dependency)
            func note(_ name: String) { symbols[name] = file.name }
            func note(_ message: Google_Protobuf_DescriptorProto, in scope: String) {
                let name = "\(scope).\(message.name)"
                note(name)
                for field in message.field { note("\(name).\(field.name)") }
                for nested in message.nestedType { note(nested, in: name) }
                for nested in message.enumType { note("\(name).\(nested.name)") }
            }
            for message in file.messageType { note(message, in: file.package) }
            for type in file.enumType { note("\(file.package).\(type.name)") }
            for service in file.service {
                let name = "\(file.package).\(service.name)"
                services.append(name)
                note(name)
                for method in service.method { note("\(name).\(method.name)") }
            }
        }
        (self.services, self.files, fileOfSymbol) = (services.sorted(), files, symbols)
    }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        for name in Self.names {
            router.registerHandler(
                forMethod: MethodDescriptor(fullyQualifiedService: name, method: "ServerReflectionInfo"),
                deserializer: RawMessageCoding(), serializer: RawMessageCoding()
            ) { request, _ in
                StreamingServerResponse { writer in
                    for try await message in request.messages { try await writer.write(answer(message)) }
                    return [:]
                }
            }
        }
    }

    /// The answer to one question.
    func answer(_ request: RawMessage) -> RawMessage {
        var answer = RawMessage()
        if let host = request.text(field: 1), host.utf8.count <= Self.nameLimit { answer.add(1, host) }
        if request.bytes.count <= Self.nameLimit { answer.add(2, request.bytes) }
        if request.text(field: 7) != nil {
            var list = RawMessage()
            for name in services {
                var service = RawMessage()
                service.add(1, name)
                list.add(1, service.bytes)
            }
            answer.add(6, list.bytes)
        } else if let name = request.text(field: 3) {
            describe(files[name] == nil ? nil : name, name, in: &answer)
        } else if let symbol = request.text(field: 4) {
            describe(fileOfSymbol[symbol], symbol, in: &answer)
        } else {
            // There are no extensions of any message.
            refuse(.notFound, "there are no extensions here", in: &answer)
        }
        return answer
    }

    private func describe(_ file: String?, _ asked: String, in answer: inout RawMessage) {
        guard let file else {
            return refuse(.notFound, "'\(asked.prefix(Self.nameLimit))' is not known here", in: &answer)
        }
        var (waiting, seen, list) = ([file], Set([file]), RawMessage())
        while let next = waiting.popLast(), let (bytes, dependencies) = files[next] {
            list.add(1, bytes)
            for name in dependencies where seen.insert(name).inserted { waiting.append(name) }
        }
        answer.add(4, list.bytes)
    }

    private func refuse(_ code: RPCError.Code, _ message: String, in answer: inout RawMessage) {
        var error = RawMessage()
        error.add(1, small: code.rawValue)
        error.add(2, message)
        answer.add(7, error.bytes)
    }
}
