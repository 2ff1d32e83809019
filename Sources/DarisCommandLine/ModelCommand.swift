import ArgumentParser
import DarisConfiguration
import DarisONNX
import Foundation

/// `daris model list` and `daris model NAME`.
struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "List the built-in networks, or write one as an ONNX file.",
        discussion: """
            The networks of the paper, built here with seeded random weights: their time on a device is that of the \
            trained ones, and nothing needs to be downloaded.

              daris model list
              daris model resnet18 -o resnet18.onnx
            """)

    @Argument(help: "list, or the name of a network.")
    var name: String
    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write (default: NAME.onnx).", valueName: "file"))
    var output: String?
    @Option(help: ArgumentHelp("Seed of the weights.", valueName: "n"))
    var seed: UInt64 = 1

    func run() throws {
        if name == "list" {
            for network in ReferenceNetwork.allCases {
                try Terminal.print(
                    network.rawValue.padding(toLength: 14, withPad: " ", startingAt: 0) + network.summary)
            }
            return
        }
        guard let network = ReferenceNetwork(rawValue: name) else {
            let known = ReferenceNetwork.allCases.map(\.rawValue).joined(separator: ", ")
            let suggestion = Spelling.suggestion(for: name, among: ReferenceNetwork.allCases.map(\.rawValue))
            throw Failure.usage("there is no built-in network '\(name)';\(suggestion) there are \(known)")
        }
        let path = output ?? "\(name).onnx"
        do {
            try network.build(seed: seed).write(path: path)
        } catch {
            throw Failure.failed(error)
        }
        try Terminal.print("\(network.summary); written to \(path)")
    }
}
