import DarisCore
import DarisRuntime
import Foundation

/// The same networks in PyTorch, which is what a user would pick.
extension GPUCheck {
    func measurePyTorch() throws {
        guard let script = options.pytorchScript else {
            note("the script pytorch-batching was not found beside daris or in Scripts")
            return finishSkipped()
        }
        let networks = options.networks.filter { $0.source == .builtin($0.name) }.map(\.name)
        guard !networks.isEmpty else {
            note("the script has the built-in networks, and none of them was asked for")
            return finishSkipped()
        }
        let limit = timeLeft
        var arguments = [script, "--networks", networks.joined(separator: ","), "--seconds", "\(Int(limit.inSeconds))"]
        arguments += ["--device", options.isRehearsal ? "cpu" : "cuda:\(options.gpu)"]
        var problem: (any Error)?
        do throws(DeviceError) {
            try ProgramLines.run(
                ["/usr/bin/env", options.python] + arguments, limit: limit, isCancelled: { interruption.isSet }
            ) { line in
                do {
                    guard let line = PyTorchLine(line) else { return }
                    switch line {
                    case .record(let record):
                        results.pytorch.append(record)
                        say("\(record.network), batch \(record.batch) in PyTorch")
                    case .remark(let text): note(text)
                    }
                    try save()
                } catch {
                    problem = error
                }
            }
        } catch {
            // A script that runs into its limit has said what it measured.
            if results.pytorch.isEmpty { note(error.description) }
        }
        if let problem { throw problem }
        if results.pytorch.isEmpty, !interruption.isSet {
            return finishSkipped()
        }
        finish(all: !isUp, measured: results.pytorch.count)
    }
}

/// A line of the script's output.
enum PyTorchLine: Hashable {
    /// A measurement.
    case record(PyTorchRecord)
    /// Something that the user should know.
    case remark(String)

    /// A line; `nil` if it is none of the script's, such as a warning of a library.
    init?(_ line: String) {
        struct Remark: Decodable { var remark: String }
        let data = Data(line.utf8)
        if let record = try? JSONDecoder().decode(PyTorchRecord.self, from: data), record.jps.isFinite {
            self = .record(record)
        } else if let text = (try? JSONDecoder().decode(Remark.self, from: data))?.remark {
            self = .remark(text)
        } else {
            return nil
        }
    }
}
