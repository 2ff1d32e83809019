import Foundation
import Hummingbird
import NIOCore

/// Shared memory over HTTP, for clients on this machine: `v2/systemsharedmemory[/region/NAME]/{status,register,unregister}`.
///
/// Of CUDA's there is none to register here, so that there is never any.
struct SharedMemoryRoutes: Sendable {
    let regions: SharedMemoryRegions
    /// Why it is not for the clients of this listener; `nil` if it is.
    let refusal: InferenceError?

    private struct Status: Encodable {
        var name: String
        var key: String
        var offset: Int
        var byteSize: Int

        init(_ region: SharedMemoryRegions.Region) {
            (name, key, offset, byteSize) = (region.name, region.key, region.offset, region.byteCount)
        }

        enum CodingKeys: String, CodingKey {
            case name, key, offset
            case byteSize = "byte_size"
        }
    }

    func add(to routes: RouteGroups) {
        let system = routes.control.group("v2/systemsharedmemory")
        for path in ["", "region/:region/"] {
            system.get(path + "status") { _, context in
                reply { () throws(InferenceError) in
                    HTTPReply.json(try regions.status(context.region).map(Status.init))
                }
            }
            system.post(path + "unregister") { _, context in
                reply { regions.unregister(context.region) }
            }
        }
        system.post("region/:region/register") { request, context in
            context.proceed()
            guard let body = try? await request.body.collect(upTo: 1 << 16) else {
                return HTTPReply.error(InferenceError(.invalid, "the request has more than 64 KiB"))
            }
            return reply { () throws(InferenceError) in
                let asked = try Self.registration(Array(body.readableBytesView))
                try regions.register(
                    name: context.region ?? "", key: asked.key, offset: asked.offset,
                    byteCount: asked.byteCount)
                return HTTPReply.empty
            }
        }
        addCUDA(to: routes.control.group("v2/cudasharedmemory"))
    }

    private func addCUDA(to cuda: RouteGroup) {
        for path in ["", "region/:region/"] {
            cuda.get(path + "status") { _, context in
                reply { () throws(InferenceError) in
                    if let region = context.region { throw SharedMemoryRegions.unknownCUDA(region) }
                    return HTTPReply.json([String]())
                }
            }
            cuda.post(path + "unregister") { _, _ in reply {} }
        }
        cuda.post("region/:region/register") { _, _ in HTTPReply.error(SharedMemoryRegions.noCUDA) }
    }

    private func reply(_ body: () throws(InferenceError) -> Response) -> Response {
        do throws(InferenceError) {
            if let refusal { throw refusal }
            return try body()
        } catch {
            return HTTPReply.error(error)
        }
    }

    private func reply(_ body: () -> Void) -> Response {
        reply { () throws(InferenceError) in
            body()
            return HTTPReply.empty
        }
    }

    /// Reads a request to register a region.
    static func registration(
        _ body: [UInt8]
    ) throws(InferenceError) -> (key: String, offset: Int, byteCount: Int) {
        // Of `withUnsafeBytes` an array has another, which forgets what is thrown.
        try body.withUnsafeBufferPointer { bytes throws(InferenceError) in
            var reader = JSONReader(UnsafeRawBufferPointer(bytes))
            var (key, offset, size): (String?, Int, Int?) = (nil, 0, nil)
            reader.skipSpace()
            try reader.object("") { reader, name throws(InferenceError) in
                switch name {
                case "key": key = try reader.string("'key'")
                case "offset": if try !reader.null() { offset = try reader.integer("'offset'") }
                case "byte_size": size = try reader.integer("'byte_size'")
                default:
                    throw InferenceError(
                        .invalid,
                        "the request has '\(name)', which is not known; it may have 'key', 'offset' and 'byte_size'")
                }
            }
            try reader.end()
            guard let key else { throw JSONReader.unfit("'key' is missing") }
            guard let size else { throw JSONReader.unfit("'byte_size' is missing") }
            return (key, offset, size)
        }
    }
}

extension ServerContext {
    /// The region that the path names.
    fileprivate var region: String? { parameters.get("region").map { $0.removingPercentEncoding ?? $0 } }
}
