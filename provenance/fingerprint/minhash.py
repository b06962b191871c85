"""MinHash exactly as ``datasketch.MinHash(num_perm=128, seed=1, scheme="affine32")`` (datasketch 2.0) has it.

It neither tokenises nor shingles. The permutation parameters are those that datasketch draws from numpy's
``RandomState(1)``; a test holds them, and whole signatures, equal to datasketch's.
"""

from __future__ import annotations

import base64
from array import array
from collections.abc import Iterable

_DRAWN = base64.b85decode(
    r"""OX!2u*8z|I8DGwDktlfG|NRaC6Ni~WmsQJ}3q6AWpOzy_fv4bjApu7(1ECDdnSWhhk35{l+g0tb`Sa*j4I3rPGy4ACWy#+YDXLGg"""
    r"""{i&eV%VK4qB^T9Rsgscm7x%4b`9Tch)ti{XIVFpAJHG`E9kZShWrRmpiPZAbulcCeufG=R)0Ye$<AsFW@5|svy<64b!H#WZtq6&Z"""
    r"""8!`Kt)31|m6Z^mK4+sOBe<FFHdzOPQEgX1ab4p7I0~EHv0q^6wdEyDmqw$5P5$cL7vBklt8~y$h=QPcWUjy`3)gM(J^W>Ysk#kR1"""
    r"""J%m~^k4UC32Wy+xjSJ&fD}Qk6W8Br!a|-(q2V^B>iMKssF;+^H<3o#~SNOw7nGAhjHJA>OX%1AYp-MQ@+Z0_1=jMJ9Q|c0crQ3i%"""
    r"""9{^1Hf!ID$iIER~Gho!1-&&TB#l36fuWKBX4^O&rH454^GyRVx(M(e1EeJsH6K*rnhkZRU&zDq|{fLInFG^RF``Rr%$r_VFH-WMY"""
    r"""OLyuCbE42Hr&N$zP1$bM5rtZ8K}sglMZ5Kf6<!UQFM6;09}P7t-"""
    r"""&Il@uQ<OUGrsaAj~`Y#=K&x~xeCAOm2|l+eF>k1UAjhQL8nJ{u`OjZFDW1qZzccJgGyfJ<7$Xwn@)242Tl*v0hh@X_`k^v{nYlu&"""
    r"""4Dn92FIHVG;;2#)zQ==#>LNr0`}U<O!m<6+Yg}!m3SzY%Yqc*2U$huO&D>C$cix|OVqA%Or57AD+FWY6f&{S9$u+nBqq*fXEWA`2"""
    r"""d7jjEf4*s#4~a2IhuQ1@Gb{g{GBb5(l|B1U_eQu4FTJ^3M^J27g-?Ud_S?UQTwQ$hv(9zdBZ)xn82G_%4Shn+&yE%l>Qk-ps7V$j"""
    r"""LcZ&!MwJ>USgMRJf5H7>B0Z@n85r3Qcc&Xa}$JrVRI*+f(Yai?EPOI+@^KOXSxydVz*`x3UMuSwx0D`U{?{8={X$nQm1=p*2y|y#"""
    r""">}le!n#hwN8v-"""
    r"""~=Rb$Vu&CUUHufb=4;;Jzg*(#4kv09Ds%R!B6ab%7c3L5nut)8N7FkXL<r&T5jn9L%@dtKWa_W0{VZxQ@wN|{tRELzG3Jj-rVB8D"""
    r"""@w?N%QJ(=(AIL_(R*`D68m7ybz=ZsMQVBGK#`GFoR(;xJB8B`l1@zo{1j+4IbjR+($)U0B%bROMyD`Vvlh7S2U%?4({xPlyly9fT"""
    r"""jkGo_w7*<Q{`!k;miF_uu!Xeaz$2ia*HE$X$Mcoz!q{(z;Wy7@w_)2^m6&ODUDD8rRO|S<)+lVC^vC1mkacSvEFV*mg&4pAusJ(@"""
    r"""a&K0@$Emn`$SLZ)R"""
)
A = array("I", [int.from_bytes(_DRAWN[i : i + 4], "little") for i in range(0, 512, 4)])
B = array("I", [int.from_bytes(_DRAWN[i : i + 4], "little") for i in range(512, 1024, 4)])

BANDS, ROWS = 14, 9
"""What datasketch 2.0's optimiser gives ``MinHashLSH(threshold=0.7, num_perm=128)``."""


def signature(hashes: Iterable[int]) -> bytes:
    """128 little-endian u32: for each permutation the least of ``a * fmix32(hash) + b`` modulo 2**32."""
    least = [0xFFFFFFFF] * len(A)
    for value in set(hashes):
        value ^= value >> 16
        value = value * 0x85EBCA6B & 0xFFFFFFFF
        value ^= value >> 13
        value = value * 0xC2B2AE35 & 0xFFFFFFFF
        value ^= value >> 16
        for i, (a, b) in enumerate(zip(A, B, strict=True)):
            permuted = (a * value + b) & 0xFFFFFFFF
            if permuted < least[i]:
                least[i] = permuted
    return b"".join(value.to_bytes(4, "little") for value in least)
