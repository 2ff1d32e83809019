import DarisServer

/// One reader of what comes from outside, and what is made of what it reads.
enum FuzzTarget: String, CaseIterable {
    /// An inference request over HTTP: header lines, an empty line, the body.
    case http
    /// A message over gRPC.
    case grpc
    /// The headers of a call over gRPC, and its data: header lines, an empty line, the data.
    case call
    /// A model file, or a list of stages.
    case onnx
    /// A task set.
    case yaml
    /// A record of a run.
    case record

    /// Reads an input. Whatever it is, this returns; it traps if something does not hold.
    func run(_ bytes: [UInt8]) {
        switch self {
        case .http: Self.http(bytes)
        case .grpc: Self.expectAgreement(InputTrial.grpc(bytes))
        case .call: Self.call(bytes)
        case .onnx: ModelTrial.run(bytes)
        case .yaml: TaskSetTrial.run(bytes)
        case .record: RecordTrial.run(bytes)
        }
    }

    private static let bodyLimit = 1 << 20

    private static func http(_ bytes: [UInt8]) {
        let (headers, body) = parts(bytes)
        let byName = Dictionary(headers) { first, _ in first }
        expectAgreement(InputTrial.http(byName, body: body, limit: bodyLimit))
    }

    private static func call(_ bytes: [UInt8]) {
        let (headers, data) = parts(bytes)
        expectAgreement(InputTrial.call(headers.map { (name: $0.0, value: $0.1) }, data: data))
    }

    /// Header lines, with names in lower case, and what comes behind the first line that is none.
    private static func parts(_ bytes: [UInt8]) -> (headers: [(String, String)], rest: [UInt8]) {
        var headers: [(String, String)] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { break }
            let value = line[(colon + 1)...].drop { $0 == UInt8(ascii: " ") }
            headers.append(
                (String(decoding: line[..<colon], as: UTF8.self).lowercased(), String(decoding: value, as: UTF8.self)))
        }
        return (headers, Array(rest))
    }

    private static func expectAgreement(_ outcome: InputTrial.Outcome) {
        if case .differs(let what) = outcome { fatalError("two ways of reading disagree: \(what)") }
    }
}

/// Stops the program unless something holds, in every kind of build.
func expect(_ condition: Bool, _ claim: @autoclosure () -> String) {
    if !condition { fatalError("does not hold: \(claim())") }
}
