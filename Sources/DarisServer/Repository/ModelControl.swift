import DarisCore
import DarisRuntime
import Foundation
internal import SwiftProtobuf

/// What operators may do with the models of a server.
protocol ModelControl: Sendable {
    /// Serves a model as its files are now.
    func load(_ name: String, _ overrides: ModelOverrides) async throws(InferenceError)
    /// Serves a model no more.
    func unload(_ name: String) async throws(InferenceError)
}

extension InferenceService {
    /// Loads a model, or has one that was unloaded take requests again where there is nothing to load from.
    func load(_ name: String, _ parameters: ControlParameters) async throws(InferenceError) {
        let overrides = try parameters.overrides()
        if let control { return try await control.load(name, overrides) }
        try model(name, version: nil).isReady = true
    }

    /// Unloads a model. Models have no dependents here, so `unload_dependents` changes nothing.
    func unload(_ name: String, _ parameters: ControlParameters) async throws(InferenceError) {
        try parameters.checkUnload()
        if let control { return try await control.unload(name) }
        try model(name, version: nil).isReady = false
    }
}

/// The parameters of a request to load or unload a model.
struct ControlParameters: Sendable {
    /// Texts by name; what is no text is `nil`.
    var values: [String: String?] = [:]

    init() {}

    /// Reads them from the JSON of a request over HTTP.
    init(json: [UInt8]) throws(InferenceError) {
        guard json.contains(where: { !" \t\r\n".utf8.contains($0) }) else { return }
        guard let object = try? JSONSerialization.jsonObject(with: Data(json)) as? [String: Any] else {
            throw InferenceError(.invalid, "the request is no JSON object")
        }
        guard let parameters = object["parameters"] else { return }
        guard let parameters = parameters as? [String: Any] else {
            throw InferenceError(.invalid, "'parameters' is no JSON object")
        }
        values = parameters.mapValues { $0 as? String }
    }

    /// Reads them from the fields of a request over gRPC that its generated type does not know: field 3, a map from names to a
    /// message whose field 3 is a text.
    init(fields: Data) throws(InferenceError) {
        for entry in try Self.parts(of: fields) where entry.field == 3 {
            let parts = try Self.parts(of: entry.bytes)
            guard let key = parts.last(where: { $0.field == 1 }) else { continue }
            let value = try parts.last { $0.field == 2 }.map { part throws(InferenceError) in
                try Self.parts(of: part.bytes).last { $0.field == 3 }
            }
            let text = value.flatMap { $0 }.map { String(decoding: $0.bytes, as: UTF8.self) }
            values.updateValue(text, forKey: String(decoding: key.bytes, as: UTF8.self))
        }
    }

    /// The fields of a message that have a length.
    private static func parts(of message: Data) throws(InferenceError) -> [(field: UInt64, bytes: Data)] {
        var (rest, parts) = (message, [(field: UInt64, bytes: Data)]())
        let malformed = InferenceError(.invalid, "the parameters are malformed")
        func number() throws(InferenceError) -> UInt64 {
            var (value, shift) = (UInt64(0), UInt64(0))
            while let byte = rest.popFirst(), shift < 64 {
                value |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            throw malformed
        }
        func take(_ count: UInt64) throws(InferenceError) -> Data {
            guard count <= UInt64(rest.count) else { throw malformed }
            defer { rest = rest.dropFirst(Int(count)) }
            return Data(rest.prefix(Int(count)))
        }
        while !rest.isEmpty {
            let tag = try number()
            switch tag & 7 {
            case 0: _ = try number()
            case 1: _ = try take(8)
            case 2: parts.append((tag >> 3, try take(try number())))
            case 5: _ = try take(4)
            default: throw malformed
            }
        }
        return parts
    }

    /// What is wanted otherwise than a model's files say.
    func overrides() throws(InferenceError) -> ModelOverrides {
        for name in values.keys.sorted() where name != "config" {
            throw InferenceError(
                .invalid,
                name.hasPrefix("file:")
                    ? "parameter '\(name)': models are read from the server's own files, not from requests; put the file there"
                    : "parameter '\(name)' is not known; a model is loaded with 'config' alone")
        }
        guard let text = values["config"] else { return .none }
        guard let text else { throw InferenceError(.invalid, "parameter 'config' is a text with JSON in it") }
        do throws(ConfigMessage.Problem) {
            let config = try TritonConfig(try ConfigMessage(json: text))
            guard config.unknown.isEmpty else {
                throw ConfigMessage.Problem(
                    text: "this server does not know " + config.unknown.map { "'\($0)'" }.joined(separator: ", "))
            }
            return ModelOverrides(config: config)
        } catch {
            throw InferenceError(.invalid, "parameter 'config': \(error.text)")
        }
    }

    func checkUnload() throws(InferenceError) {
        for name in values.keys.sorted() where name != "unload_dependents" {
            throw InferenceError(
                .invalid, "parameter '\(name)' is not known; a model is unloaded with 'unload_dependents' alone")
        }
    }
}
