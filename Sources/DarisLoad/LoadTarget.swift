import AsyncHTTPClient
import DarisCore
import Foundation
import NIOCore
import NIOHTTP1

/// A model of a server of the Open Inference Protocol, and a request for it.
struct LoadTarget: Sendable {
    /// The URL of requests.
    let url: String
    /// Headers of every request.
    let headers: HTTPHeaders
    /// JSON, followed by the bytes of random inputs.
    let body: ByteBuffer

    private struct Metadata: Decodable {
        struct Tensor: Decodable {
            var name: String
            var datatype: String
            var shape: [Int]
        }

        var inputs: [Tensor]
    }

    private static let sizes = [
        "BOOL": 1, "INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "FP16": 2, "BF16": 2, "INT32": 4, "UINT32": 4,
        "FP32": 4, "INT64": 8, "UINT64": 8, "FP64": 8,
    ]

    /// The limit of input bytes in a request, since a server could state shapes that exhaust this machine's memory.
    private static let limit = 1 << 28

    /// Asks a server for a model's inputs and makes a request with random ones; open extents are 1.
    ///
    /// - Throws: `LoadError` if the server does not answer by the protocol, or an input is too large or of a type
    ///   without random values.
    init(
        server: String, model: String, deadline: Nanoseconds?, priority: Int?, token: String?, seed: UInt64,
        client: HTTPClient
    ) async throws {
        let root = server.hasSuffix("/") ? String(server.dropLast()) : server
        url = "\(root)/v2/models/\(model)/infer"
        var headers: HTTPHeaders = ["content-type": "application/octet-stream"]
        if let token { headers.add(name: "authorization", value: "Bearer \(token)") }
        let metadata = try await Self.metadata("\(root)/v2/models/\(model)", headers, client)
        var generator = SplitMix64(seed: seed)
        var bytes: [UInt8] = []
        var inputs: [[String: Any]] = []
        var total = 0
        for tensor in metadata.inputs {
            guard let size = Self.sizes[tensor.datatype] else {
                throw LoadError(
                    "input '\(tensor.name)' of model '\(model)' is \(tensor.datatype), for which there are no random values"
                )
            }
            guard let (shape, count) = Self.extents(tensor.shape, elementSize: size) else {
                throw LoadError(
                    "input '\(tensor.name)' of model '\(model)' has the shape \(tensor.shape), which is none, or too large: "
                        + "extents are from 0, or -1 if open, and a request has \(Self.limit >> 20) MiB at most")
            }
            total += count
            guard total <= Self.limit else {
                throw LoadError(
                    "the inputs of model '\(model)' have more than \(Self.limit >> 20) MiB, the most for a request")
            }
            inputs.append([
                "name": tensor.name, "datatype": tensor.datatype, "shape": shape,
                "parameters": ["binary_data_size": count],
            ])
            bytes += Self.elements(tensor.datatype, bytes: count, from: &generator)
        }
        var parameters: [String: Any] = ["binary_data_output": true]
        if let deadline { parameters["timeout"] = deadline.rawValue / 1_000 }
        if let priority { parameters["priority"] = priority }
        let json = try JSONSerialization.data(withJSONObject: ["inputs": inputs, "parameters": parameters])
        headers.add(name: "inference-header-content-length", value: "\(json.count)")
        self.headers = headers
        body = ByteBuffer(bytes: json + bytes)
    }

    /// A shape with 1 for its open extents, and its bytes; `nil` if the shape is invalid or too large.
    static func extents(_ shape: [Int], elementSize: Int) -> (shape: [Int], bytes: Int)? {
        guard shape.count <= 64, shape.allSatisfy({ $0 >= -1 }) else { return nil }
        let shape = shape.map { max(1, $0) }
        var bytes = elementSize
        for extent in shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
            guard !overflow, product <= limit else { return nil }
            bytes = product
        }
        return (shape, bytes)
    }

    private static func metadata(
        _ url: String, _ headers: HTTPHeaders, _ client: HTTPClient
    ) async throws -> Metadata {
        var request = HTTPClientRequest(url: url)
        request.headers = headers
        let response: HTTPClientResponse
        let body: ByteBuffer
        do {
            response = try await client.execute(request, timeout: .seconds(30))
            body = try await response.body.collect(upTo: 1 << 20)
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw LoadError("\(url) does not answer: \(reason); is a server there?")
        }
        guard response.status == .ok else { throw LoadError("\(url): \(response.status.code) \(String(buffer: body))") }
        do { return try JSONDecoder().decode(Metadata.self, from: Data(body.readableBytesView)) } catch {
            throw LoadError("\(url) does not answer by the Open Inference Protocol")
        }
    }

    /// Random elements: floats from 0 to 1, whole numbers 0 and 1.
    private static func elements(_ type: String, bytes count: Int, from generator: inout SplitMix64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let random = generator.next()
            switch type {
            case "FP32":
                withUnsafeBytes(of: (Float(random >> 40) / Float(1 << 24)).bitPattern.littleEndian) { bytes += $0 }
            case "FP64":
                withUnsafeBytes(of: (Double(random >> 11) / Double(1 << 53)).bitPattern.littleEndian) { bytes += $0 }
            case "FP16": withUnsafeBytes(of: (0x3800 | UInt16(random & 0x3ff)).littleEndian) { bytes += $0 }
            case "BF16": withUnsafeBytes(of: (0x3f00 | UInt16(random & 0x7f)).littleEndian) { bytes += $0 }
            default:
                bytes.append(UInt8(random & 1))
                bytes += [UInt8](repeating: 0, count: (sizes[type] ?? 1) - 1)
            }
        }
        return bytes
    }
}

/// Why a server cannot be put under load, in one sentence.
package struct LoadError: Error, Sendable, CustomStringConvertible {
    /// The sentence.
    package let description: String

    init(_ description: String) { self.description = description }
}
