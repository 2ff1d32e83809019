#if !FUZZING
    import ArgumentParser
    import Foundation

    /// Gives the readers of what comes from outside a corpus and mutations of it, for a time. Built with `-D FUZZING` and
    /// libFuzzer it is another program (`LibFuzzer.swift`), which follows the code's coverage.
    @main
    struct FuzzInputs: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "daris-fuzz-inputs",
            abstract: "Tries a reader of what comes from outside with a corpus and mutations of it.",
            discussion: """
                An input that ends the program, or takes it longer or more memory than allowed, stays in the file \
                fuzz-TARGET; 'daris-fuzz-inputs TARGET --corpus fuzz-TARGET --seconds 0' repeats it.
                """)

        @Argument(
            help: ArgumentHelp(
                "One of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "target"))
        var target: FuzzTarget
        @Option(help: ArgumentHelp("A folder of inputs, or one input.", valueName: "path"))
        var corpus: String
        @Option(help: ArgumentHelp("Words that inputs hold, in libFuzzer's form.", valueName: "file"))
        var dictionary: String?
        @Option(help: "How long to try mutations, once the corpus has been tried.")
        var seconds = 20
        @Option(help: "What the mutations are drawn from.")
        var seed: UInt64 = 1
        @Option(help: "How many seconds an input may take.")
        var limit: UInt32 = 10
        @Option(help: "How many MiB of address space the program may take.")
        var memory = 4_096

        func validate() throws {
            guard (0...86_400).contains(seconds) else { throw ValidationError("--seconds must be from 0 to 86400") }
            guard (1...3_600).contains(limit) else { throw ValidationError("--limit must be from 1 to 3600") }
            guard (512...1 << 20).contains(memory) else {
                throw ValidationError("--memory must be from 512 to 1048576")
            }
        }

        func run() throws {
            let inputs = try Self.inputs(corpus)
            var mutator = Mutator(seed: seed, words: try dictionary.map { try FuzzDictionary.words(path: $0) } ?? [])
            let current = try CurrentInput(path: "fuzz-\(target.rawValue)", seconds: limit, memoryMiB: memory)
            for input in inputs { current.run(input, target) }
            let end = ContinuousClock.now + .seconds(seconds)
            var count = inputs.count
            while .now < end {
                current.run(mutator.mutation(of: inputs), target)
                count += 1
            }
            current.done()
            print(
                "fuzz-inputs: \(target.rawValue): \(inputs.count) inputs and \(count - inputs.count) mutations of them, all read or refused"
            )
        }

        private static func inputs(_ path: String) throws -> [[UInt8]] {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
                throw ValidationError("--corpus: there is no '\(path)'")
            }
            let names = isFolder.boolValue ? try FileManager.default.contentsOfDirectory(atPath: path).sorted() : [""]
            let inputs = try names.map {
                [UInt8](try Data(contentsOf: URL(filePath: $0.isEmpty ? path : "\(path)/\($0)")))
            }
            guard !inputs.isEmpty else { throw ValidationError("--corpus: '\(path)' has no files") }
            return inputs
        }
    }

    extension FuzzTarget: ExpressibleByArgument {}
#endif
