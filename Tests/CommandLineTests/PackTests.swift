import Foundation
import Testing

@Suite("The pack for a GPU machine", .timeLimit(.minutes(15)))
struct PackTests {
    /// The script that packs.
    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Scripts/pack-gpu").path
    private static let hasTools = ["python3", "xz", "sha256sum", "tar"].allSatisfy { tool in
        ["/usr/bin/", "/bin/", "/usr/local/bin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + tool) }
    }

    /// Packs a program that says what it was given, in pieces of a hundred bytes.
    private static let packing = """
        import importlib.machinery, importlib.util, lzma, os, sys, tarfile
        sys.dont_write_bytecode = True
        loader = importlib.machinery.SourceFileLoader("pack", sys.argv[1])
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader("pack", loader))
        loader.exec_module(module)
        os.makedirs("bin")
        with open("bin/daris", "w") as file:
            file.write('#!/bin/sh\\necho "$* with $LD_LIBRARY_PATH"\\n')
        os.chmod("bin/daris", 0o755)
        with lzma.open("all", "wb") as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
            tar.add("bin")
        os.makedirs("pack")
        assert len(module.write_pieces("all", "pack", 100)) > 1
        with open("pack/unpack-gpu.sh", "w") as file:
            file.write(module.UNPACK.replace("VERSION", "1.0"))
        """

    private func shell(_ workplace: Workplace, _ script: String) throws -> (code: Int32, output: String) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec 2>&1; " + script]
        process.currentDirectoryURL = URL(fileURLWithPath: workplace.folder)
        process.standardOutput = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, said)
    }

    @Test(
        "it is unpacked where the caller is, and the path that is printed works from there", .enabled(if: hasTools))
    func unpacked() throws {
        let workplace = try Workplace()
        try workplace.write(Self.packing, to: "packing.py")
        let packed = try shell(workplace, "python3 packing.py '\(Self.script)'")
        try #require(packed.code == 0, "\(packed.output)")
        // A Python that has none of CUDA's libraries, and one that has.
        try workplace.write("#!/bin/sh\ntrue\n", to: "python-without")
        try workplace.write("#!/bin/sh\necho /cuda/lib\n", to: "python-with")
        let bare = try shell(
            workplace,
            "chmod +x python-*; mkdir 'a b'; cd 'a b'; DARIS_PYTHON=../python-without sh ../pack/unpack-gpu.sh")
        #expect(bare.code == 0 && bare.output.contains("/a b/daris/daris doctor, then "), "\(bare.output)")
        #expect(bare.output.contains("CUDA 13's cuBLAS, cuRAND, cuFFT and runtime and cuDNN 9 by itself"))
        let run = try shell(
            workplace,
            """
            cd 'a b'
            DARIS_PYTHON=../python-with sh ../pack/unpack-gpu.sh c/d > said && cat said
            unset LD_LIBRARY_PATH
            "$(sed -n 's/^unpacked; try: \\(.*\\) doctor, then.*/\\1/p' said)" doctor
            """)
        #expect(run.code == 0 && run.output.hasSuffix("/a b/c/d/lib:/cuda/lib\n"), "\(run.output)")
        #expect(!run.output.contains("by itself"))
        let pieces = try FileManager.default.contentsOfDirectory(atPath: workplace.path("pack"))
        #expect(!pieces.contains("daris") && !pieces.contains("c"))
    }

    @Test("a damaged piece is reported, and nothing is unpacked", .enabled(if: hasTools))
    func damaged() throws {
        let workplace = try Workplace()
        try workplace.write(Self.packing, to: "packing.py")
        let result = try shell(
            workplace,
            "python3 packing.py '\(Self.script)' && echo x >> pack/piece.001; sh pack/unpack-gpu.sh; code=$?; ls; exit $code"
        )
        #expect(result.code != 0 && result.output.contains("piece.001: FAILED"))
        #expect(!result.output.split(separator: "\n").contains("daris"))
    }
}
