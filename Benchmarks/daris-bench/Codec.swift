import ArgumentParser
import CAllocationCounter
import DarisCore
import DarisServer
import Foundation
import ONNXRuntime

/// The time and memory of tensors in JSON, and their growth.
struct Codec: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "codec", abstract: "Time and memory of requests and answers in JSON, by form and size.",
        discussion: """
            A request of one input is read and its tensor written as an answer. FP32 is spelled as Python writes its values \
            as doubles, with 17 digits; as short as it can be; and with two decimals. 'urgency' is the search for its \
            priority and timeout, which stand at its end. Times are medians. 'memory' is the most that is taken at a \
            time, as a multiple of the tensor for reading and of the bytes written for writing.
            """)

    @Option(help: "The number of timings of each form.")
    var rounds = 11

    @Option(help: "The number of elements; it is also multiplied by 8 and by 64.")
    var elements = 150_528

    func validate() throws {
        guard rounds > 0, (1...1 << 22).contains(elements) else {
            throw ValidationError("--rounds must be above 0, --elements from 1 to 4194304")
        }
    }

    /// How the elements of a request are spelled.
    private enum Form: CaseIterable {
        case python, shortest, decimals, double, half, integer, text

        var type: ElementType {
            switch self {
            case .python, .shortest, .decimals: .float32
            case .double: .float64
            case .half: .float16
            case .integer: .int64
            case .text: .string
            }
        }

        var name: String {
            switch self {
            case .python: "FP32, 17 digits"
            case .shortest: "FP32, shortest"
            case .decimals: "FP32, 2 decimals"
            case .double: "FP64, shortest"
            case .half: "FP16, 17 digits"
            case .integer: "INT64"
            case .text: "BYTES"
            }
        }

        func spelling(_ number: Double) -> String {
            switch self {
            case .python, .half: "\(Double(Float(number)))"
            case .shortest: "\(Float(number))"
            case .decimals: "\((number * 100).rounded() / 100)"
            case .double: "\(number)"
            case .integer: "\(Int(number * 1e9))"
            case .text: "\"é\(Float(number))\""
            }
        }
    }

    func run() throws {
        var table = Table(
            header: [
                "elements", "bytes", "read ms", "memory", "urgency ms", "bytes written", "write ms", "memory",
            ])
        for form in Form.allCases { try measure(form, elements, &table) }
        for factor in [8, 64] { try measure(.python, elements * factor, &table) }
        print(table.text)
    }

    private func measure(_ form: Form, _ count: Int, _ table: inout Table) throws {
        let body = Self.body(form, count)
        daris_memory_begin()
        let tensor = try CodecTrial.read(body).get()[0]
        let readMemory = Double(daris_memory_end()) / Double(tensor.count)
        daris_memory_begin()
        let length = try CodecTrial.write(tensor, type: form.type, count: count).get()
        let writeMemory = Double(daris_memory_end()) / Double(length)
        let read = time { _ = CodecTrial.read(body) }
        let urgency = time { CodecTrial.findUrgency(body) }
        let written = time { _ = CodecTrial.write(tensor, type: form.type, count: count) }
        table.rows.append(
            ["\(count.grouped) \(form.name)", body.count.grouped] + figures([read, readMemory, urgency])
                + [length.grouped] + figures([written, writeMemory]))
    }

    private func figures(_ values: [Double]) -> [String] { values.map { String(format: "%.2f", $0) } }

    private static func body(_ form: Form, _ count: Int) -> [UInt8] {
        var generator = SplitMix64(seed: 1)
        let head =
            #"{"inputs": [{"name": "x", "shape": [\#(count)], "datatype": "\#(protocolName(form.type))", "data": ["#
        var body = Array(head.utf8)
        for index in 0..<count {
            if index > 0 { body += ", ".utf8 }
            body += form.spelling(Double(generator.next() >> 11) / Double(1 << 52) - 1).utf8
        }
        return body + #"]}], "parameters": {"priority": 1}}"#.utf8
    }

    private static func protocolName(_ type: ElementType) -> String {
        switch type {
        case .float64: "FP64"
        case .float16: "FP16"
        case .int64: "INT64"
        case .string: "BYTES"
        default: "FP32"
        }
    }

    /// The median, in milliseconds.
    private func time(_ body: () -> Void) -> Double {
        median(
            (0..<rounds).map { _ in
                let start = ContinuousClock.now
                body()
                let span = start.duration(to: .now).components
                return Double(span.seconds) * 1e3 + Double(span.attoseconds) / 1e15
            })
    }
}
