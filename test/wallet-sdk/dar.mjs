import { createHash, randomUUID } from 'node:crypto'
import { crc32 } from 'node:zlib'

// The smallest archive that a node takes: a manifest and one package, stored without compression. A package's id is the
// hash of its content; what is in it matters to nobody who only lists it.
export function tinyDAR() {
    const dalf = Buffer.from(`nothing ${randomUUID()}`)
    const packageId = createHash('sha256').update(dalf).digest('hex')
    const name = `tiny-1.0.0-${packageId}.dalf`
    const manifest = Buffer.from(
        `Manifest-Version: 1.0\r\nCreated-By: test\r\nMain-Dalf: ${name}\r\nDalfs: ${name}\r\nFormat: daml-lf\r\n`
    )

    return { packageId, archive: zip([['META-INF/MANIFEST.MF', manifest], [name, dalf]]) }
}

// A ZIP file whose entries are stored as they are: a local header and the content of each, then the directory.
function zip(entries) {
    const parts = []
    const directory = []
    let offset = 0

    for (const [name, content] of entries) {
        const path = Buffer.from(name)
        const common = Buffer.alloc(26)
        common.writeUInt16LE(20, 0) // version needed
        common.writeUInt32LE(crc32(content), 10)
        common.writeUInt32LE(content.length, 14) // compressed
        common.writeUInt32LE(content.length, 18)
        common.writeUInt16LE(path.length, 22)

        parts.push(Buffer.from('PK\x03\x04'), common, path, content)

        const tail = Buffer.alloc(14)
        tail.writeUInt32LE(offset, 10)
        directory.push(Buffer.from('PK\x01\x02\x14\x00'), common, tail, path)
        offset += 4 + common.length + path.length + content.length
    }

    const index = Buffer.concat(directory)
    const end = Buffer.alloc(18)
    end.writeUInt16LE(entries.length, 4)
    end.writeUInt16LE(entries.length, 6)
    end.writeUInt32LE(index.length, 8)
    end.writeUInt32LE(offset, 12)

    return Buffer.concat([...parts, index, Buffer.from('PK\x05\x06'), end])
}
